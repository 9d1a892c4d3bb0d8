"""A trial: a street sends, the desk is struck again and again at random instants, and all is counted in the end."""

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.storage.connection import Connection
from simulators.progress import ProgressLine
from tests.trust.desk import AWAY, TENANT, Desk, is_inside_a_batch, newest, open_desk
from tests.trust.ledger import Ledger, rejections, weigh, wrong_symptoms
from tests.trust.street import Habit, Street

LAG_S = 5.0
_LOOK_EVERY_S = 0.1
# How long a desk may take to come back, or to store the rest, before the trial goes on without.
_PATIENCE_S = 180.0
_IDLE_S = 20.0
# What the broker still has of forgetful devices comes with what it has of the others, or never.
_FORGETFUL_IDLE_S = 3.0
# Between two strikes: long enough for some batches, and never in step with them.
_SHORTEST_S, _LONGEST_S = 0.2, 3.0

Strike = Callable[[Desk, random.Random], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Attributes
    ----------
    times
        How many strikes of each kind; None for the scenario's own number.
    seed, readings_per_s, devices
        Of chance; how much a street of how many devices sends.
    progress
        Who says how far it is.
    outside_dsn
        A database server to use instead of the desk's own; the scenarios that kill the database refuse it.
    """

    times: int | None = None
    seed: int = 1
    readings_per_s: float = 5000.0
    devices: int = 100
    progress: ProgressLine = field(default_factory=ProgressLine)
    outside_dsn: str = ""

    def habit(self, forgetful: int = 0) -> Habit:
        """How the street behaves at this rate."""
        return Habit(self.devices, self.readings_per_s, forgetful=forgetful)


class Watch:
    """Looks at what is stored, through a connection that it makes anew whenever the database was struck."""

    def __init__(self, desk: Desk, street: Street) -> None:
        self._desk, self._street = desk, street
        self._connection: Connection = desk.connect()
        self._names = [device.name for device in street.devices]
        self._since_at = street.begins_at

    def close(self) -> None:
        self._connection.close()

    def connection(self) -> Connection:
        """A connection that is open."""
        if self._connection.closed:
            self._connection = self._desk.connect()
        return self._connection

    def is_inside_a_batch(self) -> bool:
        return is_inside_a_batch(self.connection())

    def oldest_made_at_s(self) -> float | None:
        """When the newest stored reading was made, of the device that is furthest behind; None while the database is away."""
        try:
            stored = newest(self.connection(), self._names, self._since_at)
        except AWAY:
            self._connection.close()
            return None
        found = [at for at in stored if isinstance(at, datetime)]
        if len(found) < len(stored):
            return 0.0
        self._since_at = min(found)
        return min(self._street.made_at_s(number, at) for number, at in enumerate(found))


def trial(
    name: str, asked: Asked, strikes: Sequence[Strike], habit: Habit, prepare: Callable[[Desk], None] | None = None
) -> Ledger:
    """Open a desk and a street, strike the desk in turn, and return what became of all readings.

    Parameters
    ----------
    name
        Of the scenario.
    asked
        Seed and progress.
    strikes
        What is done to the desk, in this order; each also starts again what it has ended.
    habit
        How the street behaves.
    prepare
        Called once before the street opens, for what a scenario needs besides.
    """
    chance = random.Random(asked.seed)
    with open_desk(habit.devices, asked.outside_dsn) as desk:
        if prepare is not None:
            prepare(desk)
        street = Street(desk.address, TENANT, habit, asked.seed)
        watch = Watch(desk, street)
        with contextlib.closing(watch), contextlib.closing(street):
            street.open()
            _recover(desk, street, watch, time.monotonic())
            recoveries_s: list[float] = []
            inside = 0
            for number, strike in enumerate(strikes, 1):
                time.sleep(chance.uniform(_SHORTEST_S, _LONGEST_S))
                inside += watch.is_inside_a_batch()
                struck_at_s = time.monotonic()
                strike(desk, chance)
                recoveries_s.append(_recover(desk, street, watch, struck_at_s))
                asked.progress.show(
                    f"{name}: strike {number} of {len(strikes)}, {street.readings:,} readings sent, "
                    f"recovered in {recoveries_s[-1]:.1f} s, worst {max(recoveries_s):.1f} s"
                )
            _settle(desk, street, watch, asked.progress)
            return _ledger(name, asked, desk, street, watch, inside, recoveries_s)


def _recover(desk: Desk, street: Street, watch: Watch, since_s: float) -> float:
    """Wait until of every device something made after an instant is stored, and nothing newer waits for 5 s; in seconds."""
    while (took_s := time.monotonic() - since_s) < _PATIENCE_S:
        street.check()
        desk.look_after()
        now_s = time.monotonic()
        made_at_s = watch.oldest_made_at_s()
        if made_at_s is not None and made_at_s > max(since_s, now_s - LAG_S):
            return now_s - since_s
        time.sleep(_LOOK_EVERY_S)
    return took_s


def _settle(desk: Desk, street: Street, watch: Watch, progress: ProgressLine) -> None:
    """Let the faults become old enough, end the street's measuring, and wait for the rest to be stored."""
    while not street.is_old_enough:
        street.check()
        desk.look_after()
        time.sleep(_LOOK_EVERY_S)
    street.is_measuring = False
    stored, changed_at_s = -1, time.monotonic()
    while time.monotonic() < changed_at_s + _IDLE_S:
        street.check()
        desk.look_after()
        balance = weigh(watch.connection(), street.said())
        if not street.backlog and not balance.lost:
            return
        if street.habit.forgetful and time.monotonic() > changed_at_s + _FORGETFUL_IDLE_S:
            keepers = [said for said in street.said() if not said.is_forgetful]
            if not street.backlog and not weigh(watch.connection(), keepers).lost:
                return
        if balance.stored != stored:
            stored, changed_at_s = balance.stored, time.monotonic()
        progress.show(
            f"settling: {balance.stored:,} of {balance.sent:,} readings stored, {street.backlog:,} not sent yet"
        )
        time.sleep(1.0)


def _ledger(
    name: str, asked: Asked, desk: Desk, street: Street, watch: Watch, inside: int, recoveries_s: Sequence[float]
) -> Ledger:
    said = street.said()
    keepers = [each for each in said if not each.is_forgetful]
    forgetful = [each for each in said if each.is_forgetful]
    connection = watch.connection()
    return Ledger(
        name=name,
        seed=asked.seed,
        balance=weigh(connection, keepers),
        forgetful=weigh(connection, forgetful) if forgetful else None,
        strikes=len(recoveries_s),
        inside_a_batch=inside,
        refused=sum(each.refused for each in said) + rejections(connection),
        symptoms=sum(each.is_faulty for each in said),
        wrong_symptoms=wrong_symptoms(connection, said),
        recoveries_s=recoveries_s,
        crashes=tuple(desk.crashes),
    )
