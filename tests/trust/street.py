"""The street: many devices that send seeded values at a given rate, and know of each reading that it exists.

What a device says follows from its numbers: sample `k` of message `seq` is its reading number `n`, claimed ten seconds after
the one before, and its odometer shows `n`. So what is stored can be held against what was said without keeping either.
"""

import random
import selectors
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from devices.identity import Identity, partition_of
from tests.trust.caller import Caller, Saying

BOOT = 1
STEP = timedelta(seconds=10)
# What is sent is in the past, so that hours of a fault can be lived through in seconds.
_BEGINS_AGO = timedelta(days=21)
_CELLS = 6
_FAULTY_CELL = 3
_SUNK_V = 0.3
# Until a cell is told from its pack: the smoothing takes 33 minutes at most, the delay 10.
FAULT_NEEDS_SAMPLES = 360
_TURN_S = 0.02
_PASSWORD = "a password of a device"


@dataclass(frozen=True, slots=True)
class Habit:
    """How the devices of a street behave.

    Attributes
    ----------
    devices
        How many there are.
    readings_per_s
        How many readings they send together each second; one reading is one sample of ten values.
    samples
        Readings in a message.
    memory_s
        For how many seconds a device keeps what was acknowledged.
    forgetful
        How many of them, the last ones, keep nothing that was acknowledged.
    """

    devices: int = 100
    readings_per_s: float = 5000.0
    samples: int = 6
    memory_s: float = 10.0
    forgetful: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What one device has said so far: messages 1 to `messages` of boot `BOOT`, each with `samples` readings."""

    device: str
    messages: int
    samples: int
    begins_at: datetime
    acknowledged: int
    refused: int
    is_faulty: bool
    is_forgetful: bool


@dataclass(slots=True)
class _Device:
    """One device: its line, and when each message was made."""

    name: str
    caller: Caller
    chance: random.Random
    is_faulty: bool
    is_forgetful: bool
    made_at_s: "array[float]" = field(default_factory=lambda: array("d"))

    def measure(self, habit: Habit, begins_at: datetime, now_s: float) -> None:
        """Make the next message and hand it over."""
        seq = len(self.made_at_s) + 1
        first = (seq - 1) * habit.samples
        samples = [self._sample(n, begins_at + n * STEP) for n in range(first, first + habit.samples)]
        # Another worker may ask for missing numbers: they are in the past, and no clock is measured by them.
        said = {"schema": "callout.telemetry/1", "boot": BOOT, "seq": seq, "samples": samples, "backfill": True}
        payload = msgspec.json.encode(said)
        self.made_at_s.append(now_s)
        self.caller.say(Saying(seq, payload))

    def _sample(self, number: int, at: datetime) -> dict[str, object]:
        cells = [round(3.7 + self.chance.random() * 0.002, 4) for _ in range(_CELLS)]
        if self.is_faulty:
            cells[_FAULTY_CELL - 1] -= _SUNK_V
        return {
            "at": at,
            "odometer_m": number,
            "cell_voltages_v": cells,
            "soc_pct": round(50 + self.chance.random(), 2),
            "pack_voltage_v": round(sum(cells), 3),
            "low_voltage_v": 14.1,
        }


class Street:
    """Devices at a broker, in a thread of their own.

    Parameters
    ----------
    address
        Host and port of the devices' door.
    tenant
        Whose devices they are.
    habit
        How they behave.
    seed
        Of their values. Every tenth device, of those that are not forgetful, has a cell that has sunk.
    """

    def __init__(self, address: tuple[str, int], tenant: str, habit: Habit, seed: int) -> None:
        self.habit = habit
        self.begins_at = datetime.now(UTC).replace(microsecond=0) - _BEGINS_AGO
        self.devices = [self._device(address, tenant, number, seed) for number in range(habit.devices)]
        self.is_measuring = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="street")
        self._failure: BaseException | None = None

    def _device(self, address: tuple[str, int], tenant: str, number: int, seed: int) -> _Device:
        name = device_name(number)
        identity = Identity(partition_of(tenant, name), tenant, name)
        is_forgetful = number >= self.habit.devices - self.habit.forgetful
        memory_s = 0.0 if is_forgetful else self.habit.memory_s
        caller = Caller(address, identity.username, _PASSWORD, identity.topic("telemetry"), memory_s)
        chance = random.Random(f"{seed} {name}")
        return _Device(name, caller, chance, number % 10 == 0 and not is_forgetful, is_forgetful)

    def open(self) -> None:
        """Let the devices connect and measure."""
        self.is_measuring = True
        self._thread.start()

    def close(self) -> None:
        """End the thread and all connections.

        Raises
        ------
        RuntimeError
            The thread had died.
        """
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise what the thread died of, if it did."""
        if self._failure is not None:
            raise RuntimeError("the street has died") from self._failure

    @property
    def backlog(self) -> int:
        """How many messages the broker has not acknowledged yet."""
        return sum(device.caller.backlog for device in self.devices)

    @property
    def readings(self) -> int:
        """How many readings have been made so far."""
        return sum(len(device.made_at_s) for device in self.devices) * self.habit.samples

    @property
    def is_old_enough(self) -> bool:
        """Whether every faulty device has said enough for its fault to be found."""
        return all(
            len(device.made_at_s) * self.habit.samples >= FAULT_NEEDS_SAMPLES
            for device in self.devices
            if device.is_faulty
        )

    def said(self) -> Sequence[Said]:
        """Return what each device has said so far."""
        return [
            Said(
                device.name,
                len(device.made_at_s),
                self.habit.samples,
                self.begins_at,
                sum(device.caller.acknowledged),
                device.caller.refused,
                device.is_faulty,
                device.is_forgetful,
            )
            for device in self.devices
        ]

    def made_at_s(self, number: int, newest_at: datetime | None) -> float:
        """When device `number` made the reading that it claims for `newest_at`, on the monotonic clock; 0 for none."""
        if newest_at is None:
            return 0.0
        reading = (newest_at - self.begins_at) // STEP
        return self.devices[number].made_at_s[reading // self.habit.samples]

    def _live(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                self._turns(selector)
                for device in self.devices:
                    device.caller.hang_up(selector)
        except BaseException as error:  # noqa: BLE001  # told by `check`, to whoever waits for us
            self._failure = error

    def _turns(self, selector: selectors.BaseSelector) -> None:
        began_s, made = time.monotonic(), 0
        per_s = self.habit.readings_per_s / self.habit.samples
        while not self._is_over.is_set():
            now_s = time.monotonic()
            while self.is_measuring and made < (now_s - began_s) * per_s:
                self.devices[made % len(self.devices)].measure(self.habit, self.begins_at, now_s)
                made += 1
            for device in self.devices:
                device.caller.turn(selector, now_s)
            until_s = now_s + _TURN_S
            while (left_s := until_s - time.monotonic()) > 0:
                for key, _ in selector.select(left_s):
                    key.data.hear(selector, time.monotonic())


def device_name(number: int) -> str:
    """The name of a street's device."""
    return f"ev-{number:04}"


def accounts(tenant: str, devices: int) -> dict[str, str]:
    """User names and passwords of a street's devices."""
    names = (device_name(number) for number in range(devices))
    return {Identity(partition_of(tenant, name), tenant, name).username: _PASSWORD for name in names}
