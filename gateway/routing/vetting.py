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
# Loads are counted; half a piece more than a vehicle carries would be lost in rounding.
_WHOLE: Final = frozenset({"DEMAND", "CAPACITY"})
_NUMBERS: Final = frozenset({"DIMENSION", "VEHICLES", "CAPACITY", "VEHICLES_MAX_DURATION", "SERVICE_TIME"})
_WORDS: Final = frozenset({"NAME", "COMMENT", "TYPE", "EDGE_WEIGHT_TYPE", "BEST_KNOWN", "NODE_COORD_TYPE"})
_TYPES: Final = frozenset({"CVRP", "VRPTW", "CVRPTW", "SDVRPTW"})
_WEIGHTS: Final = frozenset({"EUC_2D"})
_SOLOMON_COLUMNS: Final = 7
MOST_NODES: Final = 1001
MOST_VEHICLES: Final = 10_000
# A file with as many nodes as may be, and the longest lists of who may visit whom, is smaller.
_MOST_BYTES: Final = 1 << 24


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
        It cannot be read, is no text, or is far larger than any instance that is read.
    """
    try:
        # A pipe or a device without an end has no size; more than this is not read from anything.
        with path.open("rb") as file:
            read = file.read(_MOST_BYTES + 1)
        if len(read) > _MOST_BYTES:
            raise InstanceError(
                f"{path} is larger than {_MOST_BYTES >> 20} MB, which no instance of up to {MOST_NODES} nodes is. "
                "Name a file in VRPLIB, Solomon or Cordeau format."
            )
        return read.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceError(
            f"{path} cannot be read: {error}. Name a file in VRPLIB, Solomon or Cordeau format."
        ) from error


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
    fleet = numbers(path, fleet_at + 1, lines[fleet_at].split(), 2)
    if not 1 <= fleet[0] <= MOST_VEHICLES or fleet[1] < 1 or any(value != int(value) for value in fleet):
        raise InstanceError(
            f"{path}:{fleet_at + 1}: {lines[fleet_at]!r} is no fleet; number and capacity are whole, 1 or more, and "
            f"there are {MOST_VEHICLES} vehicles at most."
        )
    count = 0
    for at, line in enumerate(lines[table_at:], start=table_at + 1):
        if not line:
            continue
        row = numbers(path, at, line.split(), _SOLOMON_COLUMNS)
        see(path, at, row[0], "the customer's number", row[0] == count, f"{count} comes next")
        see_window(path, at, row[4], row[5])
        see(path, at, row[3], "the demand", row[3] >= 0 and row[3] == int(row[3]), "it is a whole number, 0 or more")
        see(path, at, row[6], "the service time", row[6] >= 0, "it is 0 or more")
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
    if vehicles is not None:
        rule = f"there may be 1 to {MOST_VEHICLES}"
        see(path, heads["VEHICLES"][0], vehicles, "VEHICLES", vehicles <= MOST_VEHICLES, rule)
    for name in ("NODE_COORD", "DEMAND"):
        if name not in rows:
            raise InstanceError(f"{path}: there is no {name}_SECTION, without which no routes can be planned.")
    for name, section in rows.items():
        _vet_section(path, name, section, nodes, vehicles)
    _whole(path, heads, "CAPACITY")
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
        number = numbers(path, at, value.split(), 1)[0]
        see(path, at, number, name, number >= 0, "it is 0 or more")
    elif name == "TYPE":
        see(path, at, value, name, value.upper() in _TYPES, f"types may be {', '.join(sorted(_TYPES))}")
    elif name == "EDGE_WEIGHT_TYPE":
        see(path, at, value, name, value.upper() in _WEIGHTS, f"it may be {', '.join(sorted(_WEIGHTS))}")
    elif name not in _WORDS:
        known = ", ".join(sorted(_NUMBERS | _WORDS))
        raise InstanceError(f"{path}:{at}: {name} = {value!r} is not understood; heads may be {known}.")
    return name


def _whole(path: Path, heads: Mapping[str, tuple[int, str]], name: str) -> int | None:
    if name not in heads:
        return None
    at, value = heads[name]
    number = numbers(path, at, value.split(), 1)[0]
    see(path, at, value, name, number == int(number) and number >= 1, "it is a whole number, 1 or more")
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
        row = numbers(path, at, words, _WIDTHS[name])
        see(path, at, words[0], f"the number of a row of {name}_SECTION", row[0] == count, f"{count} comes next")
        if name == "TIME_WINDOW":
            see_window(path, at, row[1], row[2])
        elif name == "VEHICLES_ALLOWED_CLIENTS":
            for value in row[1:]:
                is_client = value == int(value) and 2 <= value <= nodes
                see(path, at, value, "an allowed client", is_client, f"clients are 2 to {nodes}")
        elif name in _WHOLE:
            is_load = row[1] >= 0 and row[1] == int(row[1])
            see(path, at, row[1], f"a value of {name}_SECTION", is_load, "it is a whole number, 0 or more")
        elif name != "NODE_COORD":
            see(path, at, row[1], f"a value of {name}_SECTION", row[1] >= 0, "it is 0 or more")
    if len(rows) != wanted:
        at = rows[-1][0] if rows else 0
        raise InstanceError(f"{path}:{at}: {name}_SECTION has {len(rows)} rows; {wanted} are announced.")


def numbers(path: Path, at: int, words: list[str], count: int | None) -> list[float]:
    """Return a line's words as numbers to plan with; `count`: how many there have to be, None: any."""
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


def see(path: Path, at: int, value: object, name: str, is_right: bool, rule: str) -> None:
    """See that a value is right.

    Raises
    ------
    InstanceError
        It is not: with line, value, what it stands for and the rule.
    """
    if not is_right:
        raise InstanceError(f"{path}:{at}: {value} as {name} is wrong: {rule}.")


def see_window(path: Path, at: int, earliest: float, latest: float) -> None:
    """See that a window has time in it, from 0 on."""
    if not 0 <= earliest <= latest:
        raise InstanceError(f"{path}:{at}: a window from {earliest:g} to {latest:g} has no time in it.")


def _see_count(path: Path, nodes: int) -> None:
    if not 2 <= nodes <= MOST_NODES:
        raise InstanceError(f"{path}: {nodes} nodes; there may be 2 to {MOST_NODES}, the depot among them.")
