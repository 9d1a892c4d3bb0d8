"""A device's control unit: it batches samples into messages, numbers them, hands them to its radio, and obeys commands."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from devices.codecs.own_json import EVENT_SCHEMA, TELEMETRY_SCHEMA
from simulators.breeds import Sample
from simulators.fleet.orders import Act, knows_nothing, obey
from simulators.fleet.ring import Ring
from simulators.link import Link, Outgoing

_CLOCK_ERROR_S = 0.8
_JITTER_S = 0.15
_TELL_APART = timedelta(milliseconds=1)


class ControlUnit:
    """What turns readings of one device into messages.

    Parameters
    ----------
    link
        Its radio; it names the boot and the topics.
    rng
        Its clock's error, the jitter, and when it is out of reach.
    samples_per_message, live_samples_per_message
        How many samples go into one message, of the past and live.
    outages_per_day, outage_s
        How often it is out of reach, and how long on average, in simulated time.
    phase
        How many samples the first message is short of the others, so that a fleet does not speak in chorus.
    clock_off
        How far its clock is ahead beyond the usual error.
    lost_share
        Share of its messages that are lost on the way, 0 to 1.
    act
        What it does with commands that are not about messages.
    """

    def __init__(
        self,
        link: Link,
        rng: np.random.Generator,
        *,
        samples_per_message: int,
        live_samples_per_message: int,
        outages_per_day: float,
        outage_s: float,
        phase: int = 0,
        clock_off: timedelta = timedelta(),
        lost_share: float = 0.0,
        act: Act = knows_nothing,
    ) -> None:
        self.link = link
        self.rng = rng
        self.codes: tuple[str, ...] = ()
        self.samples_sent = 0
        self.lost = 0
        self.resent = 0
        self._sizes = {True: samples_per_message, False: live_samples_per_message}
        self._outages_per_day = outages_per_day
        self._outage_s = outage_s
        self._batch: list[dict[str, object]] = []
        self._short = phase
        self._ring = Ring()
        self._lost_share = lost_share
        self._act = act
        self._seq = 0
        self._boot = link.identity.boot
        self._clock_off = clock_off
        self._clock_error = timedelta(seconds=float(rng.uniform(-_CLOCK_ERROR_S, 0.0)))
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._outage_at: datetime | None = None
        self._back_at: datetime | None = None
        self._is_silent = False
        link.listen(self._obey)

    def take(self, sample: Sample, codes: tuple[str, ...], at: datetime, *, is_backfill: bool) -> None:
        """Take in one sample and the trouble codes that go with it.

        Parameters
        ----------
        sample
            The readings.
        codes
            All trouble codes that are active.
        at
            When, in simulated time; the unit's own clock differs a little.
        is_backfill
            Whether the message is declared as one about the past.
        """
        self._move_through_tunnels(at)
        own_at = self._own_time(at)
        self._batch.append({"at": _text(own_at), **sample})
        size = self._sizes[is_backfill]
        if len(self._batch) >= max(1, size - self._short % size):
            self.flush(is_backfill=is_backfill)
        if codes != self.codes:
            self.flush(is_backfill=is_backfill)  # what led to the code comes before it
            self.codes = codes
            self._publish(
                self.link.identity.topics.event,
                {"schema": EVENT_SCHEMA, "at": _text(own_at), "codes": list(codes)},
                is_backfill=is_backfill,
            )

    def hush(self, *, is_silent: bool) -> None:
        """Fall silent without a word, or come back; what was said before is still on its way."""
        if is_silent and self.link.is_up and not self.link.backlog:
            self.link.lose_signal()
        elif self._is_silent and not is_silent:
            self.link.find_signal()
        self._is_silent = is_silent

    @property
    def batch(self) -> list[dict[str, object]]:
        """Samples that wait for their message to be full."""
        return list(self._batch)

    def resume(self, batch: list[dict[str, object]], codes: tuple[str, ...]) -> None:
        """Go on after a new start with samples that were not sent, and codes that were already reported."""
        self._batch = list(batch)
        self.codes = codes

    def flush(self, *, is_backfill: bool) -> None:
        """Send what is batched, if anything."""
        if not self._batch:
            return
        message: dict[str, object] = {"schema": TELEMETRY_SCHEMA, "samples": self._batch}
        self._publish(self.link.identity.topics.telemetry, message, is_backfill=is_backfill)
        self.samples_sent += len(self._batch)
        self._batch = []
        self._short = 0

    def _publish(self, topic: str, message: dict[str, object], *, is_backfill: bool) -> None:
        self._seq += 1
        numbered = {**message, "boot": self._boot, "seq": self._seq}
        if is_backfill:
            numbered["backfill"] = True
        outgoing = Outgoing(topic, msgspec.json.encode(numbered))
        self._ring.keep(self._boot, self._seq, outgoing)
        if self._lost_share and self.rng.random() < self._lost_share:
            self.lost += 1
            return
        self.link.send(outgoing.topic, outgoing.payload)

    def _obey(self, payload: bytes) -> None:
        reply = obey(payload, self._ring, self._act)
        self.resent += len(reply.resent)
        for message in reply.resent:
            self.link.send(message.topic, message.payload)
        if reply.answer:
            self.link.send(self.link.identity.topics.answer, reply.answer)

    def _own_time(self, at: datetime) -> datetime:
        own_at = at + self._clock_error + timedelta(seconds=float(self.rng.normal(0.0, _JITTER_S)))
        own_at = max(min(own_at, at) + self._clock_off, self._last_at + _TELL_APART)
        self._last_at = own_at
        return own_at

    def _move_through_tunnels(self, at: datetime) -> None:
        if self._outages_per_day <= 0:
            return
        if self._outage_at is None:
            self._outage_at = at + timedelta(days=float(self.rng.exponential(1 / self._outages_per_day)))
        if self._back_at is not None and at >= self._back_at:
            self._back_at = self._outage_at = None
            self.link.find_signal()
        elif self._back_at is None and at >= self._outage_at:
            self._back_at = at + timedelta(seconds=float(self.rng.exponential(self._outage_s)))
            self.link.lose_signal()


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
