"""Commands to devices, the outbox of the door: written with the decision, sent between batches, answered by the device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from devices.identity import Identity
from devices.remote import RESEND
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
class Order:
    """A command to do something else; `request_id` is what it is about, None where it is about no request."""

    command_id: UUID
    device_id: int
    command: str
    arguments: Mapping[str, object]
    request_id: int | None


@dataclass(frozen=True, slots=True)
class Unsent:
    """A command that has not reached the broker, and whom it is for."""

    command: Resend | Order
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


def write_order(connection: Connection, order: Order, now: datetime, expires_at: datetime) -> None:
    """Put a command that is not a resend into the outbox; a device is told once per request that it must not be used."""
    connection.execute(
        """INSERT INTO device_command (command_id, device_id, command, arguments, request_id, written_at, expires_at)
        VALUES (%(id)s, %(device)s, %(command)s, %(arguments)s, %(request)s, %(now)s, %(expires)s)
        ON CONFLICT (request_id) WHERE command = 'stop_using' DO NOTHING""",
        {
            "id": order.command_id,
            "device": order.device_id,
            "command": order.command,
            "arguments": Jsonb(dict(order.arguments)),
            "request": order.request_id,
            "now": now,
            "expires": expires_at,
        },
    )


def call_off(connection: Connection, command_id: UUID, now: datetime) -> None:
    """Let a command end that has not been sent yet; what the broker has ends by its own expiry."""
    connection.execute(
        "UPDATE device_command SET expires_at = %s WHERE command_id = %s AND sent_at IS NULL AND expires_at > %s",
        [now, command_id, now],
    )


def answer_to(connection: Connection, command_id: UUID) -> str:
    """Return the outcome that a device answered first; empty as long as it has not."""
    row = connection.execute("SELECT outcome FROM device_command WHERE command_id = %s", [command_id]).fetchone()
    return "" if row is None or row[0] is None else row[0]


def unsent(connection: Connection, now: datetime, partitions: range, limit: int) -> list[Unsent]:
    """Return commands to devices of some partitions that wait to be sent, oldest first; those that are over or whose device retired are not.

    They are locked until the transaction ends. One that is being called off just now is left out; whoever calls one off
    later does so after it has been handed to the broker.
    """
    rows = connection.execute(
        """SELECT c.command_id, c.device_id, c.command, c.boot, c.epoch, c.seqs::text, c.arguments, c.request_id,
            d.partition, t.name, d.name, c.expires_at
        FROM device_command c JOIN device d USING (device_id) JOIN tenant t USING (tenant_id)
        WHERE c.sent_at IS NULL AND c.answered_at IS NULL AND c.expires_at > %(now)s AND d.retired_at IS NULL
            AND d.partition BETWEEN %(first)s AND %(last)s
        ORDER BY c.command = 'stop_using' DESC, c.written_at LIMIT %(limit)s FOR UPDATE OF c SKIP LOCKED""",
        {"now": now, "first": partitions.start, "last": partitions.stop - 1, "limit": limit},
    )
    return [
        Unsent(
            Resend(command, device, boot, epoch, from_text(seqs))
            if what == RESEND
            else Order(command, device, what, arguments, request),
            Identity(partition, tenant, name),
            expires_at,
        )
        for command, device, what, boot, epoch, seqs, arguments, request, partition, tenant, name, expires_at in rows
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
) -> Resend | Order | None:
    """Keep a device's answer; return its command, or None when it was never given this device.

    To a resend the newest answer counts, for it names what is missing; to anything else the first one stands.
    """
    row = connection.execute(
        """UPDATE device_command SET answered_at = coalesce(answered_at, %(now)s),
            outcome = CASE WHEN command = 'resend' THEN %(outcome)s ELSE coalesce(outcome, %(outcome)s) END,
            detail = CASE WHEN command = 'resend' OR answered_at IS NULL THEN %(detail)s ELSE detail END
        WHERE command_id = %(id)s AND device_id = %(device)s
        RETURNING command, boot, epoch, seqs::text, arguments, request_id""",
        {"id": command_id, "device": device_id, "outcome": outcome, "detail": detail, "now": now},
    ).fetchone()
    if row is None:
        return None
    command, boot, epoch, seqs, arguments, request_id = row
    if command == RESEND:
        return Resend(command_id, device_id, boot, epoch, from_text(seqs))
    return Order(command_id, device_id, command, arguments, request_id)


def prune_commands(connection: Connection, before_at: datetime) -> None:
    """Forget commands that were written before an instant."""
    connection.execute("DELETE FROM device_command WHERE written_at < %s", [before_at])
