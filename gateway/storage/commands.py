"""Commands to devices, the outbox of the door: written with the decision, sent between batches, answered by the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.identity import Identity
from devices.seqs import Range
from gateway.storage.connection import Connection
from gateway.storage.sequences import as_text, from_text


@dataclass(frozen=True, slots=True)
class Resend:
    """A command to send messages of a boot again."""

    command_id: UUID
    device_id: int
    boot: int
    epoch: int
    seqs: list[Range]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A command that has not reached the broker, and whom it is for."""

    command: Resend
    identity: Identity
    expires_at: datetime


def write_command(connection: Connection, command: Resend, now: datetime, expires_at: datetime) -> None:
    """Put a command into the outbox."""
    connection.execute(
        """INSERT INTO device_command (command_id, device_id, command, boot, epoch, seqs, written_at, expires_at)
        VALUES (%(id)s, %(device)s, 'resend', %(boot)s, %(epoch)s, %(seqs)s, %(now)s, %(expires)s)""",
        {
            "id": command.command_id,
            "device": command.device_id,
            "boot": command.boot,
            "epoch": command.epoch,
            "seqs": as_text(command.seqs),
            "now": now,
            "expires": expires_at,
        },
    )


def unsent(connection: Connection, now: datetime, partitions: range, limit: int) -> list[Unsent]:
    """Return commands to devices of some partitions that wait to be sent, oldest first; those that are over or whose device retired are not."""
    rows = connection.execute(
        """SELECT c.command_id, c.device_id, c.boot, c.epoch, c.seqs::text, d.partition, t.name, d.name, c.expires_at
        FROM device_command c JOIN device d USING (device_id) JOIN tenant t USING (tenant_id)
        WHERE c.sent_at IS NULL AND c.answered_at IS NULL AND c.expires_at > %(now)s AND d.retired_at IS NULL
            AND d.partition BETWEEN %(first)s AND %(last)s
        ORDER BY c.written_at LIMIT %(limit)s""",
        {"now": now, "first": partitions.start, "last": partitions.stop - 1, "limit": limit},
    )
    return [
        Unsent(Resend(command, device, boot, epoch, from_text(seqs)), Identity(partition, tenant, name), expires_at)
        for command, device, boot, epoch, seqs, partition, tenant, name, expires_at in rows
    ]


def mark_sent(connection: Connection, sent: Sequence[tuple[UUID, str | None]], now: datetime) -> None:
    """Note that the broker answered for commands, (command id, why it did not take it or None)."""
    connection.execute(
        """UPDATE device_command c SET sent_at = %(now)s, send_error = a.error
        FROM unnest(%(ids)s::uuid[], %(errors)s::text[]) AS a (command_id, error)
        WHERE c.command_id = a.command_id AND c.sent_at IS NULL""",
        {"now": now, "ids": [command for command, _ in sent], "errors": [error for _, error in sent]},
    )


def settle_answer(
    connection: Connection, command_id: UUID, device_id: int, outcome: str, detail: str, now: datetime
) -> Resend | None:
    """Keep a device's answer; return its command, or None when it was never given this device."""
    row = connection.execute(
        """UPDATE device_command SET answered_at = coalesce(answered_at, %(now)s), outcome = %(outcome)s, detail = %(detail)s
        WHERE command_id = %(id)s AND device_id = %(device)s RETURNING boot, epoch, seqs::text""",
        {"id": command_id, "device": device_id, "outcome": outcome, "detail": detail, "now": now},
    ).fetchone()
    return None if row is None else Resend(command_id, device_id, row[0], row[1], from_text(row[2]))


def prune_commands(connection: Connection, before_at: datetime) -> None:
    """Forget commands that were written before an instant."""
    connection.execute("DELETE FROM device_command WHERE written_at < %s", [before_at])
