"""Files in Cordeau's format: `type m n t`, a line `D Q` for each type of vehicle, and a line for each node.

    i x y d q f a list [e l]

Node 0 is the depot. `list` has the a combinations of which the client is to have one, each as a number whose bits from
left to right stand for vehicle types 1 to t: of four types, 8 is the first and 1 the last. One visit is made by one
vehicle, so a client may be visited by every type that is named. There are m vehicles of each type; D and Q of 0 are no
limit. Read are one depot and one day: types 0 (VRP), 3 (SDVRP), 4 (VRPTW) and 7 (SDVRPTW). Published costs of these
files have ways as long as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gateway.routing.vetting import MOST_NODES, InstanceError, numbers, see, see_window
from workflows.routing import NO_LIMIT

_TYPES: Final[Mapping[int, str]] = {0: "VRP", 3: "SDVRP", 4: "VRPTW", 7: "SDVRPTW"}
_OTHERS: Final[Mapping[int, str]] = {
    1: "PVRP, with several days",
    2: "MDVRP, with several depots",
    5: "PVRPTW, with several days",
    6: "MDVRPTW, with several depots",
}
_WITH_WINDOWS: Final = frozenset({4, 7})
_BY_TYPE: Final = frozenset({3, 7})
_HEAD: Final = 4
# Numbers of a node's line before its combinations.
_BEFORE_LIST: Final = 7
_MOST_TYPES: Final = 30
_MOST_VEHICLES: Final = 1000


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line: which problem, how many vehicles of each type, clients and types."""

    type_number: int
    vehicles: int
    clients: int
    types: int


@dataclass(frozen=True, slots=True)
class _Node:
    """A node's line; `types` are those of the vehicles that may visit it, from 0 on."""

    x: float
    y: float
    lasts: float
    demand: float
    types: frozenset[int]
    window: tuple[float, float] | None


def is_cordeau(text: str) -> bool:
    """Whether a text is in Cordeau's format: it begins with a line of numbers, where others begin with a name."""
    words = next((line for line in text.splitlines() if line.strip()), "").split()
    return len(words) > 1 and all(word.lstrip("+-").replace(".", "", 1).isdigit() for word in words)


def read_cordeau(path: Path, text: str) -> tuple[str, dict[str, Any]]:
    """Return the problem's type, and a file's values under the names that the VRPLIB reader gives them.

    Parameters
    ----------
    path : Path
        Of the file, for what is said of it.
    text : str
        All of it.

    Raises
    ------
    InstanceError
        The file is not whole, or is of a type that is not planned; with the line and the value.
    """
    lines = [(at, line.split()) for at, line in enumerate(text.splitlines(), start=1) if line.strip()]
    head = _head(path, *lines[0])
    wanted = 1 + head.types + 1 + head.clients
    if len(lines) != wanted:
        raise InstanceError(
            f"{path}:{lines[-1][0]}: there are {len(lines)} lines of numbers; {wanted} are announced: the first, "
            f"{head.types} of vehicles, the depot's and {head.clients} of clients. Look whether the file is whole."
        )
    limits = [_limits(path, at, words) for at, words in lines[1 : 1 + head.types]]
    nodes = [
        _node(path, at, words, number, head) for number, (at, words) in enumerate(lines[1 + head.types :], start=0)
    ]
    return _TYPES[head.type_number], _values(path.stem, head, limits, nodes)


def _head(path: Path, at: int, words: list[str]) -> _Head:
    type_number, vehicles, clients, types = _wholes(path, at, numbers(path, at, words, _HEAD))
    if type_number in _OTHERS:
        raise InstanceError(f"{path}:{at}: type {type_number} is {_OTHERS[type_number]}; {_readable()}")
    see(path, at, type_number, "the type of the problem", type_number in _TYPES, _readable())
    see(path, at, vehicles, "the number of vehicles (m)", 1 <= vehicles <= _MOST_VEHICLES, f"1 to {_MOST_VEHICLES}")
    see(path, at, clients, "the number of clients (n)", 1 <= clients < MOST_NODES, f"1 to {MOST_NODES - 1}")
    most = _MOST_TYPES if type_number in _BY_TYPE else 1
    see(path, at, types, "the number of vehicle types (t)", 1 <= types <= most, f"1 to {most} for this type of problem")
    see(path, at, vehicles * types, "m times t vehicles", vehicles * types <= _MOST_VEHICLES, f"1 to {_MOST_VEHICLES}")
    return _Head(type_number, vehicles, clients, types)


def _readable() -> str:
    return f"read are types {', '.join(f'{number} ({name})' for number, name in _TYPES.items())}"


def _wholes(path: Path, at: int, values: Sequence[float]) -> Iterator[int]:
    for value in values:
        see(path, at, value, "a count", value == int(value), "it is a whole number")
        yield int(value)


def _limits(path: Path, at: int, words: list[str]) -> tuple[float, float]:
    longest, capacity = numbers(path, at, words, 2)
    see(path, at, longest, "the longest duration of a route (D)", longest >= 0, "it is above 0, or 0 for no limit")
    is_load = capacity >= 0 and capacity == int(capacity)
    see(path, at, capacity, "the most that a vehicle carries (Q)", is_load, "it is a whole number, 0 for no limit")
    return longest or NO_LIMIT / 1000, capacity or NO_LIMIT


def _node(path: Path, at: int, words: list[str], number: int, head: _Head) -> _Node:
    has_window = head.type_number in _WITH_WINDOWS
    row = numbers(path, at, words, None)
    if len(row) < _BEFORE_LIST:
        raise InstanceError(
            f"{path}:{at}: {' '.join(words)!r} has {len(row)} values; a node has i x y d q f a, its combinations"
            f"{', and a window e l' if has_window else ''}."
        )
    listed = row[6]
    see(
        path, at, listed, "a, the number of combinations", listed == int(listed) >= 0, "it is a whole number, 0 or more"
    )
    width = _BEFORE_LIST + int(listed) + (2 if has_window else 0)
    if len(row) != width:
        raise InstanceError(
            f"{path}:{at}: {' '.join(words)!r} has {len(row)} values; with a = {int(listed)} it has {width}."
        )
    see(path, at, row[0], "the number of a node", row[0] == number, f"{number} comes next; the depot is 0")
    see(path, at, row[3], "the service time (d)", row[3] >= 0, "it is 0 or more")
    see(path, at, row[4], "the demand (q)", row[4] >= 0 and row[4] == int(row[4]), "it is a whole number, 0 or more")
    see(path, at, row[5], "the number of visits (f)", row[5] in (0, 1), "one day is planned, with one visit each")
    window = (row[-2], row[-1]) if has_window else None
    if window is not None:
        see_window(path, at, *window)
    codes = [_code(path, at, value, head) for value in row[_BEFORE_LIST : _BEFORE_LIST + int(listed)]]
    return _Node(row[1], row[2], row[3], row[4], _types(path, at, number, codes, head), window)


def _code(path: Path, at: int, value: float, head: _Head) -> int:
    most = 2**head.types - 1
    is_code = value == int(value) and 1 <= value <= most
    see(path, at, value, "a combination", is_code, f"with {head.types} vehicle types it is 1 to {most}")
    return int(value)


def _types(path: Path, at: int, number: int, codes: Sequence[int], head: _Head) -> frozenset[int]:
    """Return which types may visit a node; where types are no matter, all of them."""
    if number == 0 or head.type_number not in _BY_TYPE:
        return frozenset(range(head.types))
    if not codes:
        raise InstanceError(f"{path}:{at}: client {number} names no vehicle type that may visit it; list one or more.")
    return frozenset(kind for kind in range(head.types) for code in codes if code >> (head.types - 1 - kind) & 1)


def _values(name: str, head: _Head, limits: Sequence[tuple[float, float]], nodes: Sequence[_Node]) -> dict[str, Any]:
    kinds = [kind for kind in range(head.types) for _ in range(head.vehicles)]
    places = np.array([(node.x, node.y) for node in nodes])
    values: dict[str, Any] = {
        "name": name,
        "vehicles": len(kinds),
        "vehicles_max_duration": limits[0][0] if head.types == 1 else np.array([limits[kind][0] for kind in kinds]),
        "capacity": limits[0][1] if head.types == 1 else np.array([limits[kind][1] for kind in kinds]),
        "demand": np.array([node.demand for node in nodes]),
        "service_time": np.array([node.lasts for node in nodes]),
        "edge_weight": np.hypot(*(places[:, None, :] - places[None, :, :]).transpose(2, 0, 1)),
    }
    if head.type_number in _BY_TYPE:
        # Nodes are numbered from 1 on there.
        values["vehicles_allowed_clients"] = [
            [number + 1 for number, node in enumerate(nodes) if number and kind in node.types] for kind in kinds
        ]
    if all(node.window is not None for node in nodes):
        values["time_window"] = np.array([node.window for node in nodes])
    return values
