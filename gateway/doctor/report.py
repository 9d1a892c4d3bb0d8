"""The doctor's words: lines of 80 columns for a person, one JSON object for a machine."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from gateway.doctor.examine import Room
from gateway.doctor.point import Level, Point

_COLUMNS: Final = 80
_NAME_WIDTH: Final = 22
_MARKS: Final = {Level.OK: "  ok   ", Level.WARNING: "  !    ", Level.WRONG: "  WRONG", Level.NOT_LOOKED: "  -    "}
_WORDS: Final = {Level.WRONG: "wrong", Level.WARNING: "to look at", Level.NOT_LOOKED: "not looked at", Level.OK: "ok"}


def lines(room: Room) -> Iterator[str]:
    """Return a room in lines."""
    yield ""
    yield room.name.capitalize()
    for point in room.points:
        yield from _point(point)


def _point(point: Point) -> Iterator[str]:
    begin = f"{_MARKS[point.level]} {point.name:<{_NAME_WIDTH}} "
    indent = " " * (len(_MARKS[Level.OK]) + 1 + _NAME_WIDTH + 1)
    yield from textwrap.wrap(point.found, _COLUMNS, initial_indent=begin, subsequent_indent=indent) or [begin]
    if point.next_move:
        yield from textwrap.wrap(
            point.next_move, _COLUMNS, initial_indent=f"{indent}-> ", subsequent_indent=f"{indent}   "
        )


def verdict(rooms: Sequence[Room]) -> str:
    """Return how many points stand how."""
    counts = Counter(point.level for room in rooms for point in room.points)
    return ", ".join(f"{counts[level]} {word}" for level, word in _WORDS.items() if counts[level])


def is_well(rooms: Sequence[Room]) -> bool:
    """Whether nothing is wrong."""
    return not any(point.level is Level.WRONG for room in rooms for point in room.points)


def as_json(rooms: Sequence[Room]) -> str:
    """Return all of it as one JSON object."""
    points = [{"room": room.name, **asdict(point)} for room in rooms for point in room.points]
    return json.dumps({"well": is_well(rooms), "points": points}, indent=2)
