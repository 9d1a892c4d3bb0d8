"""How readings are stored: in which kind of table, and whether old ones go when they should."""

from collections.abc import Iterable
from typing import Final

from gateway.doctor.point import Point, Setup, not_looked, ok, warning
from gateway.storage import retention
from gateway.storage.timescale import has_timescale, plain_tables


def readings(setup: Setup) -> Iterable[Point]:
    """Look what the tables of readings are, and whether old readings go when they should."""
    connection = setup.database
    if connection is None:
        yield not_looked("readings", "the database does not answer")
        return
    plain = plain_tables(connection)
    if plain:
        found = f"{', '.join(plain)} are not TimescaleDB's hypertables, although it is there"
        yield warning("readings", found, "Run: ./callout hypertables")
    else:
        yield ok("readings", "in TimescaleDB's hypertables" if has_timescale(connection) else "in daily partitions")
    for held in retention.held(connection):
        found = f"{held.stretches} stretches of {held.product} from {held.oldest_at:%F} on are older than wanted: "
        match held.outcome:
            case "not_seen":
                yield warning("retention", f"{found}detectors have not seen them all", "See that `ingest` runs.")
            case "not_rolled_up":
                yield warning("retention", f"{found}their hours are not rolled up", "See that `work` runs.")
            case _:
                yield ok("retention", f"{found}they were received lately, and are kept from then on")


CHECKS: Final = (readings,)
