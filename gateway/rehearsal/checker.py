"""The checker: asks a database about all invariants at once, in one statement, after every event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from devices.products import product_types
from gateway.rehearsal.invariants import grounds, letters, money, ownership, promises, requests, steps, stock
from gateway.rehearsal.invariants.invariant import Invariant, sentence
from gateway.storage import misfits
from gateway.storage.connection import Connection

# The sweep of a rehearsal comes by once in some hours; what is due for longer than that was forgotten.
PATIENCE: Final = timedelta(hours=14)
INVARIANTS: Final[tuple[Invariant, ...]] = tuple(
    each for room in (requests, promises, stock, grounds, ownership, money, steps, letters) for each in room.INVARIANTS
)
# In place of an invariant's number: the row that says which transactions this look has seen the end of.
_SEEN: Final = -1


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    where: str


class Checker:
    """Asks a database about all invariants at once.

    Parameters
    ----------
    connection : Connection
        As the owner of the tables, to whom row-level security hides nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TEMP TABLE rehearsal_need (product text, fault text, part_no text)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO rehearsal_need VALUES (%s, %s, %s)", _needs())
        connection.execute(
            """CREATE TEMP TABLE rehearsal_work AS SELECT * FROM jsonb_to_recordset(%s)
            AS w (product text, fault text, minutes int, skills text[], is_visit boolean)""",
            [Jsonb(misfits.works(list(product_types().values())))],
        )
        self._looked_before = 0
        self._asked = f"SELECT {_SEEN}, pg_snapshot_xmin(pg_current_snapshot())::text"
        for number, invariant in enumerate(INVARIANTS):
            self._asked += f" UNION ALL SELECT {number}, found FROM ({invariant()}) AS o (found)"  # noqa: S608  # our own texts

    def check(self, now: datetime) -> list[Violation]:
        """Return what does not hold now."""
        told = {"now": now, "patience": PATIENCE, "looked_before": self._looked_before}
        rows: list[tuple[int, str]] = self._connection.execute(self._asked.encode(), told, prepare=True).fetchall()
        self._looked_before = max(int(where) for number, where in rows if number == _SEEN)
        return [Violation(sentence(INVARIANTS[number]), where) for number, where in rows if number != _SEEN]


def _needs() -> list[tuple[str, str, str]]:
    return [
        (product.name, remedy.fault, part_no)
        for product in product_types().values()
        for remedy in product.remedies.values()
        for part_no in remedy.part_nos
    ]
