"""What the doctor says of one point."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.embedded.folder import DataFolder
from gateway.settings import Settings
from gateway.storage.connection import Connection


class Level(StrEnum):
    """How a point stands; `NOT_LOOKED` where nothing could be looked at, and that is no fault of the point."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_LOOKED = "not looked"


@dataclass(frozen=True, slots=True)
class Point:
    """One point: its name, how it stands, what was found, and the next move where there is one."""

    name: str
    level: Level
    found: str
    next_move: str = ""


def ok(name: str, found: str) -> Point:
    """Return a point that is well."""
    return Point(name, Level.OK, found)


def warning(name: str, found: str, next_move: str) -> Point:
    """Return a point that works but will hurt one day."""
    return Point(name, Level.WARNING, found, next_move)


def wrong(name: str, found: str, next_move: str) -> Point:
    """Return a point that keeps the desk from working as it should."""
    return Point(name, Level.WRONG, found, next_move)


def not_looked(name: str, why: str, next_move: str = "") -> Point:
    """Return a point that could not be looked at."""
    return Point(name, Level.NOT_LOOKED, why, next_move)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is looked at.

    Parameters
    ----------
    given, settings
        The settings as the environment has them, and with what the household of the data folder knows.
    is_home
        Whether a household runs on the data folder.
    database
        A connection of the owner of the schema; None where there is none.
    """

    given: Settings
    settings: Settings
    is_home: bool
    database: Connection | None = None

    @property
    def folder(self) -> DataFolder:
        """The data folder, which may not exist."""
        return DataFolder(self.settings.data_dir)


def counted(count: int, what: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "device"), counted(1200, "device")
    ('1 device', '1,200 devices')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


Check = Callable[[Setup], Point | Iterable[Point]]
START_IT: Final = "Start it: ./callout up"
