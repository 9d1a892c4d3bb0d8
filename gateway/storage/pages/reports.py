"""How one device reports, for pages: commands that were sent to it with its answers, and the silent region it is in.

Its clock, its gaps and its troubles are read where they are written: in clocks, gaps and troubles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from devices.seqs import Range
from gateway.storage.connection import Connection
from gateway.storage.sequences import from_text

CommandState = Literal["waits", "unsent", "refused_by_broker", "sent", "unanswered", "done", "partly", "refused"]


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command to a device as a person sees it; of a resend, `ranges` is (first, last) numbers of the boot as text."""

    command: str
    boot: int | None
    ranges: str | None
    written_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    send_error: str | None
    answered_at: datetime | None
    outcome: Literal["done", "partly", "refused"] | None
    detail: str

    @property
    def seqs(self) -> Sequence[Range]:
        """The numbers that were asked for, both ends inclusive; none where it asked for something else."""
        return from_text(self.ranges) if self.ranges else []

    def state(self, now: datetime) -> CommandState:
        """Return what became of it."""
        if self.outcome is not None:
            return self.outcome
        if self.send_error:
            return "refused_by_broker"
        is_over = self.expires_at <= now
        if self.sent_at is None:
            return "unsent" if is_over else "waits"
        return "unanswered" if is_over else "sent"


@dataclass(frozen=True, slots=True)
class Membership:
    """The open incident that a device belongs to."""

    incident_id: int
    since_at: datetime

    @property
    def reference(self) -> str:
        """The number that people use: I-000012."""
        return f"I-{self.incident_id:06d}"


def commands_of_device(conn: Connection, device_id: int, *, limit: int) -> list[CommandRow]:
    """Return the commands to a device of the present tenant, newest first."""
    with conn.cursor(row_factory=class_row(CommandRow)) as cursor:
        return cursor.execute(
            """SELECT command, boot, seqs::text AS ranges, written_at, expires_at, sent_at, send_error, answered_at,
                outcome, detail
            FROM device_command WHERE device_id = %s ORDER BY written_at DESC LIMIT %s""",
            [device_id, limit],
        ).fetchall()


def incident_of_device(conn: Connection, device_id: int) -> Membership | None:
    """Return the open incident that a device of the present tenant belongs to; None where it belongs to none.

    Only the newest that it joined is looked at: a region has one open incident at most.
    """
    with conn.cursor(row_factory=class_row(Membership)) as cursor:
        return cursor.execute(
            """SELECT i.incident_id, m.since_at
            FROM (SELECT incident_id, since_at FROM incident_device WHERE device_id = %s AND released_at IS NULL
                ORDER BY incident_id DESC LIMIT 1) m
            JOIN incident i USING (incident_id) WHERE i.closed_at IS NULL""",
            [device_id],
        ).fetchone()


def waits_for_messages(conn: Connection, device_id: int) -> bool:
    """Whether messages of a device are missing that are neither filled nor given up."""
    found = conn.execute(
        """SELECT EXISTS (SELECT FROM sequence_gap
            WHERE device_id = %s AND filled_at IS NULL AND given_up_at IS NULL)""",
        [device_id],
    ).fetchone()
    return found == (True,)
