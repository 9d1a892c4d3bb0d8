"""The examination: all rooms in their order; a check that breaks is a point, and the others go on."""

import contextlib
import fcntl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.doctor import authority, broker, database, machine, people, running, storage, tenants
from gateway.doctor.point import Check, Level, Point, Setup, not_looked, wrong
from gateway.embedded.folder import DataFolder
from gateway.embedded.neighbour import fill_in
from gateway.errors import CalloutError
from gateway.settings import Settings

_MIGRATE_FIRST: Final = "Mend the schema first."


@dataclass(frozen=True, slots=True)
class Room:
    """What was found of one part of the setup."""

    name: str
    points: tuple[Point, ...]


def examine(given: Settings) -> Iterator[Room]:
    """Look a setup over, room by room; nothing is changed by it.

    Parameters
    ----------
    given : Settings
        As the environment has them.

    Yields
    ------
    Room
        As soon as it was looked at.
    """
    setup = Setup(given, _filled(given), is_somebody_home(DataFolder(given.data_dir)))
    yield Room("machine", _all(setup, machine.CHECKS))
    connection, reachable = database.open_database(setup)
    with connection or contextlib.nullcontext():
        seen = replace(setup, database=connection)
        about_database = _all(seen, database.CHECKS) if connection else ()
        yield Room("database", (reachable, *about_database))
        # Without the right schema the other rooms would only repeat that it is not there.
        is_fit = any(each.name == "schema" and each.level is Level.OK for each in about_database)
        fit = seen if is_fit else setup
        yield Room("broker", _broker(fit))
        yield Room("people", _all(fit, people.CHECKS))
        if connection is None:
            yield Room("desk", (not_looked("tenants, processes", "the database does not answer"),))
        elif not is_fit:
            yield Room("desk", (not_looked("tenants, processes", "the schema does not fit", _MIGRATE_FIRST),))
        else:
            yield Room("desk", _all(fit, (*tenants.CHECKS, *storage.CHECKS, *running.CHECKS)))


def _filled(given: Settings) -> Settings:
    # A file of ports that cannot be read is told by the checks that need it.
    with contextlib.suppress(CalloutError, OSError):
        return fill_in(given)
    return given


def _broker(setup: Setup) -> tuple[Point, ...]:
    first = broker.reachable(setup)
    return (first, *_all(setup, (*broker.CHECKS, *authority.CHECKS))) if first.level is Level.OK else (first,)


def _all(setup: Setup, checks: Sequence[Check]) -> tuple[Point, ...]:
    return tuple(point for check in checks for point in _guarded(setup, check))


def _guarded(setup: Setup, check: Check) -> Iterable[Point]:
    name = check.__name__.replace("_", " ")
    try:
        found = check(setup)
        return (found,) if isinstance(found, Point) else tuple(found)
    except Exception as error:  # noqa: BLE001  # one check that breaks must not hide what the others find
        told = f"this check broke: {type(error).__name__}: {' '.join(str(error).split())}"
        return (wrong(name, told, "Mend what it names; if that is nothing, it is a mistake of the doctor's."),)


def is_somebody_home(folder: DataFolder) -> bool:
    """Whether a household runs on a data folder: it holds the folder's lock."""
    lock = folder.path / "lock"
    try:
        with lock.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
