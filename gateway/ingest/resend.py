"""Resend: gaps that did not close by themselves are noticed, asked for over the command topic, and given up in the end.

It runs in the ingest worker between batches, like replays. Each step is one transaction, and what is under way is rows:
a gap is due at an instant, a command waits until the broker has taken it. So a worker that is killed anywhere goes on
where it was; a command may be sent twice, and what comes twice is absorbed.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID, uuid4

import msgspec
import psycopg

from devices.identity import EVERY_PARTITION
from devices.instants import to_us
from devices.numbering import Lane, drop_noticed, suspect
from devices.remote import RESEND
from devices.seqs import Range, add, common, size
from gateway.ingest.lease import Holds
from gateway.ingest.numbering import told_lost
from gateway.ingest.source import Commands, Return
from gateway.storage.commands import Order, Resend, Unsent, mark_sent, prune_commands, unsent, write_command
from gateway.storage.connection import Connection, DatabaseUnreachableError
from gateway.storage.gaps import (
    Due,
    Lost,
    devices_with_many,
    due_gaps,
    give_up,
    mark_asked,
    notice_gaps,
    prune_gaps,
    put_off,
)
from gateway.storage.sequences import save_suspicion, suspects
from gateway.storage.troubles import close_old, tell

_log = logging.getLogger(__name__)

COMMAND_SCHEMA: Final = "callout.command/1"
# Messages asked for in one command; the next one goes when it is answered.
MOST_ASKED: Final = 1000
# Above this the numbers jumped; so many messages are not lost in one place, and no device has them still.
MOST_MISSING: Final = 100_000
_LOOK_EVERY_S: Final = 0.5
_TIDY_EVERY_S: Final = 3600.0
_AT_ONCE: Final = 500
# Pauses after each time of asking, in patiences: with 20 s these are 1, 5 and 30 minutes, 2 and 12 hours.
_PAUSES: Final = (3, 15, 90, 360, 2160)
_EXPIRES_AFTER: Final = timedelta(hours=1)
_KEEP_COMMANDS: Final = timedelta(days=30)
_KEEP_GAPS: Final = timedelta(days=90)
# A device with so many gaps in a day is not asked for more: what it loses is told, and takes no more rows.
MOST_A_DAY: Final = 1000
_AGAIN_TO_BROKER_S: Final = 60.0


@dataclass(slots=True)
class _UnderWay:
    command_id: UUID
    since_s: float


class Resends:
    """Looks for gaps now and then; it never waits.

    Parameters
    ----------
    connected : callable
        Returns the worker's connection, made anew when it broke.
    commands : Commands
        Where commands to devices are published.
    patience_s : float
        Seconds that a gap may take to close by itself; all other pauses are multiples of it.
    partitions : range
        Whose gaps.
    lease : Holds
        The right to write for them.
    """

    def __init__(
        self,
        connected: Callable[[], Connection],
        commands: Commands,
        patience_s: float,
        partitions: range,
        lease: Holds,
    ) -> None:
        self._connected = connected
        self._partitions = partitions
        self._lease = lease
        self._commands = commands
        self._patience = timedelta(seconds=patience_s)
        self._look_at_s = self._tidy_at_s = 0.0
        self._under_way: dict[int, _UnderWay] = {}

    def look(self) -> None:
        """Do what is due. A database or broker that is away is left alone."""
        if time.monotonic() < self._look_at_s:
            return
        self._look_at_s = time.monotonic() + _LOOK_EVERY_S
        try:
            connection = self._connected()
            now = datetime.now(UTC)
            with connection.transaction():
                self._lease.hold(connection)
                notice(connection, now, self._patience, self._partitions)
                ask(connection, now, self._patience, self._partitions)
            self._send(connection, now)
            if time.monotonic() >= self._tidy_at_s:
                self._tidy_at_s = time.monotonic() + _TIDY_EVERY_S
                prune_commands(connection, now - _KEEP_COMMANDS)
                prune_gaps(connection, now - _KEEP_GAPS)
                close_old(connection, now)
        except (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnreachableError) as error:
            _log.warning("gaps wait for the database: %s", error)

    def _send(self, connection: Connection, now: datetime) -> None:
        """Publish what waits in the outbox, and note what the broker has taken since."""
        taken = [
            (under_way.command_id, error)
            for number, error in self._commands.receipts()
            if (under_way := self._under_way.pop(number, None)) is not None
        ]
        if taken:
            mark_sent(connection, taken, now)
        for command_id, error in taken:
            if error is not None:
                _log.warning("the broker did not take command %s: %s; check the rights of ingest", command_id, error)
        late_s = time.monotonic() - _AGAIN_TO_BROKER_S
        self._under_way = {number: each for number, each in self._under_way.items() if each.since_s > late_s}
        busy = {each.command_id for each in self._under_way.values()}
        with connection.transaction():
            for each in unsent(connection, now, self._partitions, _AT_ONCE):
                if each.command.command_id not in busy and not self._publish(each, now):
                    return

    def _publish(self, waiting: Unsent, now: datetime) -> bool:
        expiry_s = max(1, int((waiting.expires_at - now).total_seconds()))
        number = self._commands.send(
            waiting.identity.topic("command"),
            payload_of(waiting.command),
            expiry_s,
            Return(waiting.identity.topic("answer"), str(waiting.command.command_id).encode()),
        )
        if number is None:
            return False
        self._under_way[number] = _UnderWay(waiting.command.command_id, time.monotonic())
        return True


def payload_of(command: Resend | Order) -> bytes:
    """Return a command as the device gets it."""
    head: dict[str, object] = {"schema": COMMAND_SCHEMA, "id": command.command_id}
    match command:
        case Resend():
            return msgspec.json.encode(head | {"command": RESEND, "boot": command.boot, "seqs": command.seqs})
        case Order():
            return msgspec.json.encode(head | {"command": command.command, "arguments": dict(command.arguments)})


def notice(connection: Connection, now: datetime, patience: timedelta, partitions: range = EVERY_PARTITION) -> None:
    """Write down the gaps that were there a while ago and are there still."""
    lanes = suspects(connection, now - patience, partitions, _AT_ONCE)
    if not lanes:
        return
    many = devices_with_many(connection, (device for device, _ in lanes), now - timedelta(days=1), MOST_A_DAY)
    gaps: list[tuple[tuple[int, int, int], Range]] = []
    lost: list[Lost] = []
    for device_id, lane in lanes:
        for each in lasting(lane, to_us(now)):
            if size([each]) > MOST_MISSING or device_id in many:
                lost.append(Lost(device_id, lane.boot, size([each])))
            else:
                gaps += [((device_id, lane.boot, lane.epoch), piece) for piece in pieces(each)]
    with connection.transaction():
        notice_gaps(connection, gaps, now)
        save_suspicion(connection, lanes)
        _tell(connection, lost, now)


def lasting(lane: Lane, now_us: int) -> list[Range]:
    """Return a lane's gaps that did not close in their time; they are noticed now, and newer ones are suspected."""
    missing = lane.missing
    lasted = common(missing, lane.suspected)
    drop_noticed(lane)
    for first, last in lasted:
        add(lane.noticed, first, last)
    lane.suspect_us = None
    suspect(lane, now_us)
    return lasted


def pieces(gap: Range) -> Iterator[Range]:
    """Cut a gap into pieces that one command can ask for.

    >>> list(pieces((1, 2500)))
    [(1, 1000), (1001, 2000), (2001, 2500)]
    """
    for first in range(gap[0], gap[1] + 1, MOST_ASKED):
        yield first, min(first + MOST_ASKED - 1, gap[1])


def ask(connection: Connection, now: datetime, patience: timedelta, partitions: range = EVERY_PARTITION) -> None:
    """Write commands for the gaps that are due, one a device, and give up those that were asked for often enough."""
    due = due_gaps(connection, now, now - _PAUSES[0] * patience, partitions, _AT_ONCE)
    if not due:
        return
    with connection.transaction():
        spent = [gap.gap_id for gap in due if gap.attempts >= len(_PAUSES)]
        _tell(connection, give_up(connection, spent, now) if spent else [], now)
        waiting: list[int] = []
        for _, of_device in groupby((gap for gap in due if gap.attempts < len(_PAUSES)), lambda gap: gap.device_id):
            waiting += _ask_device(connection, list(of_device), now, patience)
        # What is not asked for now waits for its turn, or for its device; without having used up an attempt.
        put_off(connection, waiting, now + patience)


def _ask_device(connection: Connection, due: Sequence[Due], now: datetime, patience: timedelta) -> list[int]:
    """Ask a device for some of its gaps, all of one boot; return those that have to wait."""
    chosen: list[Due] = []
    seqs: list[Range] = []
    for gap in due:
        same = not chosen or (gap.boot, gap.epoch) == (chosen[0].boot, chosen[0].epoch)
        if gap.may_ask and same and size(seqs) + size(gap.missing) <= MOST_ASKED:
            chosen.append(gap)
            for first, last in gap.missing:
                add(seqs, first, last)
    if seqs:
        command = Resend(uuid4(), chosen[0].device_id, chosen[0].boot, chosen[0].epoch, seqs)
        write_command(connection, command, now, now + _EXPIRES_AFTER)
        mark_asked(connection, [(gap.gap_id, now + _PAUSES[gap.attempts] * patience) for gap in chosen], now)
    asked = {gap.gap_id for gap in chosen} if seqs else set[int]()
    return [gap.gap_id for gap in due if gap.gap_id not in asked]


def _tell(connection: Connection, lost: Sequence[Lost], now: datetime) -> None:
    if not lost:
        return
    rows = connection.execute(
        "SELECT device_id, tenant_id FROM device WHERE device_id = ANY(%s)", [[each.device_id for each in lost]]
    )
    tenants = dict(rows.fetchall())
    tell(connection, [told_lost(tenants[each.device_id], each) for each in lost], now)
