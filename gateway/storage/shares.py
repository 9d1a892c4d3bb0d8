"""What is shown to outside repairers: one row for each request and repairer, ended once."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import one


@dataclass(frozen=True, slots=True)
class Share:
    """One request shown to one repairer; names as in the table."""

    share_id: int
    device_id: int
    request_id: int
    repairer_name: str
    repairer_email: str
    shared_by: str
    shared_at: datetime
    expires_at: datetime
    openings: int
    opened_at: datetime | None
    ended_at: datetime | None

    def is_living(self, now: datetime) -> bool:
        """Whether nobody has ended it and its time is not over."""
        return self.ended_at is None and now < self.expires_at


_SELECT = """SELECT share_id, device_id, request_id, repairer_name, repairer_email, shared_by, shared_at, expires_at,
    openings, opened_at, ended_at FROM data_share"""


def find_share(connection: Connection, share_id: int, *, locked: bool = False) -> Share | None:
    """Return one sharing; with `locked` nobody ends it before this transaction does."""
    with connection.cursor(row_factory=class_row(Share)) as cursor:
        if locked:
            return cursor.execute(f"{_SELECT} WHERE share_id = %s FOR UPDATE", [share_id]).fetchone()
        return cursor.execute(f"{_SELECT} WHERE share_id = %s", [share_id]).fetchone()


def shares_of(connection: Connection, request_id: int) -> list[Share]:
    """Return all sharings of a request, the newest first."""
    with connection.cursor(row_factory=class_row(Share)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE request_id = %s ORDER BY share_id DESC", [request_id]).fetchall()


def add_share(
    connection: Connection,
    *,
    device_id: int,
    request_id: int,
    name: str,
    email: str,
    by: str,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Write a sharing and return its number.

    Raises
    ------
    psycopg.errors.UniqueViolation
        `one_living_share_per_request_and_repairer`.
    """
    return one(
        connection.execute(
            """INSERT INTO data_share (device_id, request_id, repairer_name, repairer_email, shared_by, shared_at,
                expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING share_id""",
            [device_id, request_id, name, email, by, now, expires_at],
        ).fetchone()
    )


def end_share(connection: Connection, share_id: int, by: str, now: datetime) -> bool:
    """End a sharing, withdraw a letter about it that has not left, and say whether it was living."""
    row = connection.execute(
        """UPDATE data_share SET ended_at = %s, ended_by = %s WHERE share_id = %s AND ended_at IS NULL
        RETURNING request_id""",
        [now, by, share_id],
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        """UPDATE notice SET withdrawn_at = %s WHERE request_id = %s AND kind = 'shared' AND sent_at IS NULL
            AND withdrawn_at IS NULL AND detail ->> 'share_id' = %s""",
        [now, row[0], str(share_id)],
    )
    return True


def count_opening(connection: Connection, share_id: int, now: datetime) -> None:
    """Note that it was opened."""
    connection.execute(
        "UPDATE data_share SET openings = openings + 1, opened_at = %s WHERE share_id = %s", [now, share_id]
    )
