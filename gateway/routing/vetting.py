"""Files of instances, looked through line by line before they are read, so that what is wrong is named with its line.

The library that reads them takes what it can and says of the rest only that it failed. Here every row of a section has
to be whole, every number a number, and every section one that the planner understands: a rule that were left out would
make routes that look better than they are.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import CalloutError

# Numbers in a row of each section, its own number first; None: as many as there are.
_WIDTHS: Final[Mapping[str, int | None]] = {
    "NODE_COORD": 3,
    "DEMAND": 2,
    "TIME_WINDOW": 3,
    "SERVICE_TIME": 2,
    "CAPACITY": 2,
    "VEHICLES_ALLOWED_CLIENTS": None,
}
_OF_VEHICLES: Final = frozenset({"CAPACITY", "VEHICLES_ALLOWED_CLIENTS"})
_NUMBERS: Final = frozenset({"DIMENSION", "VEHICLES", "CAPACITY", "VEHICLES_MAX_DURATION", "SERVICE_TIME"})
_WORDS: Final = frozenset({"NAME", "COMMENT", "TYPE", "EDGE_WEIGHT_TYPE", "BEST_KNOWN", "NODE_COORD_TYPE"})
_TYPES: Final = frozenset({"CVRP", "VRPTW", "CVRPTW", "SDVRPTW"})
_WEIGHTS: Final = frozenset({"EUC_2D"})
_SOLOMON_COLUMNS: Final = 7
MOST_NODES: Final = 1001


class InstanceError(CalloutError):
    """A file of an instance cannot be used; the message names line and value."""


@dataclass(frozen=True, slots=True)
class Vetted:
    """What the head of a VRPLIB file says: its type, how many nodes and vehicles there are, and its sections."""

    type_name: str
    nodes: int
    vehicles: int | None
    sections: frozenset[str]


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises
    ------
    InstanceError
        It cannot be read, or is no text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceError(f"{path} cannot be read: {error}. Name a file in VRPLIB or Solomon format.") from error


def is_solomon(text: str) -> bool:
    """Whether a text is in Solomon's format: it has a table of customers under a head of its own, and no sections."""
    lines = [line.strip().upper() for line in text.splitlines()]
    return "CUSTOMER" in lines and "VEHICLE" in lines


def vet_solomon(path: Path, text: str) -> None:
    """See that a file in Solomon's format is whole.

    Raises
    ------
    InstanceError
        With the line and the value.
    """
    lines = [line.strip() for line in text.splitlines()]
    heads = [line.upper() for line in lines]
    fleet_at, table_at = heads.index("VEHICLE") + 2, heads.index("CUSTOMER") + 2
    if fleet_at >= len(lines) or table_at > len(lines):
        raise InstanceError(f"{path}: the file ends after its heads; rows of numbers are missing.")
    fleet = _numbers(path, fleet_at + 1, lines[fleet_at].split(), 2)
    if fleet[0] < 1 or fleet[1] < 1:
        raise InstanceError(
            f"{path}:{fleet_at + 1}: {lines[fleet_at]!r} is no fleet; number and capacity are 1 or more."
        )
    count = 0
    for at, line in enumerate(lines[table_at:], start=table_at + 1):
        if not line:
            continue
        row = _numbers(path, at, line.split(), _SOLOMON_COLUMNS)
        _see(path, at, row[0], "the customer's number", row[0] == count, f"{count} comes next")
        _see_window(path, at, row[4], row[5])
        for value, name in ((row[3], "the demand"), (row[6], "the service time")):
            _see(path, at, value, name, value >= 0, "it is 0 or more")
        count += 1
    _see_count(path, count)


def vet_vrplib(path: Path, text: str) -> Vetted:
    """See that a file in VRPLIB's format is whole, and says nothing that the planner would leave out.

    Raises
    ------
    InstanceError
        With the line and the value.
    """
    heads: dict[str, tuple[int, str]] = {}
    rows: dict[str, list[tuple[int, list[str]]]] = {}
    for at, kind, name, words in _parts(path, text):
        if kind == "head":
            heads[name] = (at, " ".join(words))
        elif kind == "section":
            rows.setdefault(name, [])
        else:
            rows[name].append((at, words))
    nodes = _whole(path, heads, "DIMENSION")
    if nodes is None:
        raise InstanceError(f"{path}: there is no DIMENSION; a VRPLIB file says how many nodes it has.")
    _see_count(path, nodes)
    vehicles = _whole(path, heads, "VEHICLES")
    for name in ("NODE_COORD", "DEMAND"):
        if name not in rows:
            raise InstanceError(f"{path}: there is no {name}_SECTION, without which no routes can be planned.")
    for name, section in rows.items():
        _vet_section(path, name, section, nodes, vehicles)
    if "CAPACITY" not in heads and "CAPACITY" not in rows:
        raise InstanceError(f"{path}: there is no CAPACITY; give one for all vehicles or a CAPACITY_SECTION.")
    return Vetted(heads.get("TYPE", (0, "CVRP"))[1].upper(), nodes, vehicles, frozenset(rows))


def _parts(path: Path, text: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """Return each line as a head, the beginning of a section, or one of its rows."""
    section = ""
    for at, line in enumerate((line.strip() for line in text.splitlines()), start=1):
        if line.upper() == "EOF":
            return
        if not line:
            continue
        name = line.rstrip(" :").upper()
        if name.endswith("_SECTION"):
            section = name.removesuffix("_SECTION")
            if section not in _WIDTHS and section != "DEPOT":
                known = ", ".join(sorted({*_WIDTHS, "DEPOT"}))
                raise InstanceError(f"{path}:{at}: {line!r} is not understood; sections may be {known}.")
            yield at, "section", section, []
        elif ":" in line:
            name, _, value = line.partition(":")
            yield at, "head", _vet_head(path, at, name.strip().upper(), value.strip()), value.split()
        elif section:
            yield at, "row", section, line.split()
        else:
            raise InstanceError(f"{path}:{at}: {line!r} belongs to no section; a head is written NAME : VALUE.")


def _vet_head(path: Path, at: int, name: str, value: str) -> str:
    if name in _NUMBERS:
        number = _numbers(path, at, value.split(), 1)[0]
        _see(path, at, number, name, number >= 0, "it is 0 or more")
    elif name == "TYPE":
        _see(path, at, value, name, value.upper() in _TYPES, f"types may be {', '.join(sorted(_TYPES))}")
    elif name == "EDGE_WEIGHT_TYPE":
        _see(path, at, value, name, value.upper() in _WEIGHTS, f"it may be {', '.join(sorted(_WEIGHTS))}")
    elif name not in _WORDS:
        known = ", ".join(sorted(_NUMBERS | _WORDS))
        raise InstanceError(f"{path}:{at}: {name} = {value!r} is not understood; heads may be {known}.")
    return name


def _whole(path: Path, heads: Mapping[str, tuple[int, str]], name: str) -> int | None:
    if name not in heads:
        return None
    at, value = heads[name]
    number = _numbers(path, at, value.split(), 1)[0]
    _see(path, at, value, name, number == int(number) and number >= 1, "it is a whole number, 1 or more")
    return int(number)


def _vet_section(path: Path, name: str, rows: list[tuple[int, list[str]]], nodes: int, vehicles: int | None) -> None:
    if name == "DEPOT":
        words = [word for _, row in rows for word in row]
        if words not in (["1", "-1"], ["1"]):
            at = rows[0][0] if rows else 0
            raise InstanceError(f"{path}:{at}: depots {' '.join(words)!r}; one depot is understood, and it is node 1.")
        return
    wanted = vehicles if name in _OF_VEHICLES else nodes
    if wanted is None:
        raise InstanceError(f"{path}: there is a {name}_SECTION and no VEHICLES; say how many vehicles there are.")
    for count, (at, words) in enumerate(rows, start=1):
        row = _numbers(path, at, words, _WIDTHS[name])
        _see(path, at, words[0], f"the number of a row of {name}_SECTION", row[0] == count, f"{count} comes next")
        if name == "TIME_WINDOW":
            _see_window(path, at, row[1], row[2])
        elif name == "VEHICLES_ALLOWED_CLIENTS":
            for value in row[1:]:
                is_client = value == int(value) and 2 <= value <= nodes
                _see(path, at, value, "an allowed client", is_client, f"clients are 2 to {nodes}")
        elif name != "NODE_COORD":
            _see(path, at, row[1], f"a value of {name}_SECTION", row[1] >= 0, "it is 0 or more")
    if len(rows) != wanted:
        at = rows[-1][0] if rows else 0
        raise InstanceError(f"{path}:{at}: {name}_SECTION has {len(rows)} rows; {wanted} are announced.")


def _numbers(path: Path, at: int, words: list[str], count: int | None) -> list[float]:
    if count is not None and len(words) != count:
        raise InstanceError(f"{path}:{at}: {' '.join(words)!r} has {len(words)} values, and should have {count}.")
    found: list[float] = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            raise InstanceError(f"{path}:{at}: {word!r} is not a number.") from None
        if not math.isfinite(value) or abs(value) > 1e9:
            raise InstanceError(f"{path}:{at}: {word} is no number to plan with; values lie within a billion.")
        found.append(value)
    return found


def _see(path: Path, at: int, value: object, name: str, is_right: bool, rule: str) -> None:
    if not is_right:
        raise InstanceError(f"{path}:{at}: {value} as {name} is wrong: {rule}.")


def _see_window(path: Path, at: int, earliest: float, latest: float) -> None:
    if not 0 <= earliest <= latest:
        raise InstanceError(f"{path}:{at}: a window from {earliest:g} to {latest:g} has no time in it.")


def _see_count(path: Path, nodes: int) -> None:
    if not 2 <= nodes <= MOST_NODES:
        raise InstanceError(f"{path}: {nodes} nodes; there may be 2 to {MOST_NODES}, the depot among them.")
