"""The second pass over a recording: every row becomes a sample, every few samples a message, all of them acknowledged."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from devices.codecs.own_json import MAX_BYTES, TELEMETRY_SCHEMA
from simulators.enrolment import Identity
from simulators.errors import SimulatorError
from simulators.link import Link
from simulators.progress import ProgressLine
from simulators.radio import Radio
from simulators.replay.account import Account
from simulators.replay.reading import RowReader, Unreadable
from simulators.replay.recording import BadRow, Row, open_recording
from simulators.replay.survey import Survey
from simulators.stopping import Stopping

_PATIENCE_S = 60.0
_SHOWN_UNREADABLE = 20
_LARGEST_MESSAGE_BYTES = MAX_BYTES * 3 // 4


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How to replay.

    Attributes
    ----------
    path
        The recording.
    speed
        How many recorded seconds pass in one; 0 for as fast as it goes.
    keep_times
        Whether event times stay as recorded instead of being shifted so that the last one is now.
    samples_per_message, window
        Samples in one message; messages under way unacknowledged.
    """

    path: Path
    speed: float
    keep_times: bool
    samples_per_message: int
    window: int


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    rows: int = 0
    samples: int = 0
    messages: int = 0
    unreadable: int = 0
    refused: int = 0
    took_s: float = 0.0
    first_unreadable: list[Unreadable] = field(default_factory=list[Unreadable])
    account: Account = field(default_factory=Account)

    def note(self, unreadable: Unreadable) -> None:
        """Count something that could not be read, and remember the first ones."""
        self.unreadable += 1
        if len(self.first_unreadable) < _SHOWN_UNREADABLE:
            self.first_unreadable.append(unreadable)


class Speaker:
    """Publishes samples for one device."""

    def __init__(self, link: Link, samples_per_message: int) -> None:
        self._link = link
        self.messages = 0
        self._size = samples_per_message
        self._batch: list[dict[str, object]] = []
        self._seq = 0

    @property
    def link(self) -> Link:
        """Its radio."""
        return self._link

    def take(self, sample: dict[str, object]) -> None:
        """Take in a sample."""
        self._batch.append(sample)
        if len(self._batch) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Send what is batched."""
        batch, self._batch = self._batch, []
        if batch:
            self._send(batch)

    def _send(self, batch: list[dict[str, object]]) -> None:
        payload = self._encode(batch)
        if len(payload) > _LARGEST_MESSAGE_BYTES and len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        self._seq += 1
        self._link.send(self._link.identity.topics.telemetry, payload)
        self.messages += 1

    def _encode(self, batch: list[dict[str, object]]) -> bytes:
        boot, seq = self._link.identity.boot, self._seq + 1
        return msgspec.json.encode(
            {"schema": TELEMETRY_SCHEMA, "boot": boot, "seq": seq, "backfill": True, "samples": batch}
        )


class Replay:
    """One replay of one recording.

    Parameters
    ----------
    plan
        How.
    found
        What the first pass found.
    identities
        Who speaks, by what the device column says.
    stopping, progress
        When to stop early; where to say how far it is.
    """

    def __init__(
        self,
        plan: ReplayPlan,
        found: Survey,
        identities: dict[str, Identity],
        stopping: Stopping,
        progress: ProgressLine,
    ) -> None:
        self._plan = plan
        self._found = found
        self._stopping = stopping
        self._progress = progress
        self._radio = Radio()
        self._speakers = {
            name: Speaker(self._radio.link(identity, plan.window), plan.samples_per_message)
            for name, identity in identities.items()
        }
        self._tally = Tally()
        self._said = ""
        self._shift = timedelta() if plan.keep_times else datetime.now(UTC) - found.last_at
        self._began_s = time.monotonic()
        self._moved = (0, time.monotonic())

    def run(self) -> Tally:
        """Publish all rows and wait for the last acknowledgement.

        Raises
        ------
        SimulatorError
            When the broker takes nothing for a minute.
        """
        try:
            self._publish()
            for speaker in self._speakers.values():
                speaker.flush()
            while self._radio.backlog and not self._stopping.is_wanted:
                self._wait()
        finally:
            self._close_account()
            self._tally.took_s = time.monotonic() - self._began_s
            self._radio.close()
        return self._tally

    def _publish(self) -> None:
        limit = 2 * self._plan.window * len(self._speakers)
        reader = RowReader(self._found.binding, self._found.left_out, self._note)
        with open_recording(self._plan.path) as recording:
            for row in recording.rows:
                self._tally.rows += 1
                if isinstance(row, BadRow):
                    self._tally.account.row("")
                    self._tally.account.of("").not_sent["the row is not one"] += 1
                    self._tally.note(Unreadable(row.line, "", row.value, row.reason))
                else:
                    self._speak(reader, row)
                while self._radio.backlog > limit and not self._stopping.is_wanted:
                    self._wait()
                if self._stopping.is_wanted:
                    return
                self._progress.show(self.describe())

    def _speak(self, reader: RowReader, row: Row) -> None:
        said, account = reader.device(row), self._tally.account
        account.row(said)
        self._said = said
        at = reader.at(row)
        if at is None:
            account.of(said).not_sent["the time cannot be read"] += 1
            return
        self._keep_pace(at)
        self._speakers[said].take({"at": _text(at + self._shift), **reader.sample(row)})
        self._tally.samples += 1
        account.sent(said, at)

    def _note(self, unreadable: Unreadable) -> None:
        self._tally.note(unreadable)
        if unreadable.column != self._found.binding.mapping.time.column:
            self._tally.account.of(self._said).bad_values[unreadable.column] += 1

    def _close_account(self) -> None:
        self._tally.refused = self._radio.refused
        for said, speaker in self._speakers.items():
            one = self._tally.account.of(said)
            one.messages, one.acknowledged = speaker.messages, speaker.link.acknowledged
            one.refused = speaker.link.refused
            self._tally.messages += speaker.messages

    def describe(self) -> str:
        """Say how far the replay is, in one line with rate and rest."""
        done, total = self._tally.rows, self._found.rows
        per_s = done / max(1e-6, time.monotonic() - self._began_s)
        rest_s = (total - done) / per_s if per_s else 0.0
        line = f"{done:,} of {total:,} rows ({done / total:.0%}), {per_s:,.0f} rows/s, about {rest_s:,.0f} s to go"
        troubles = self._radio.troubles()
        return f"{line} | {troubles[0]}" if troubles else f"{line} | {self._radio.backlog:,} unacknowledged"

    def _keep_pace(self, at: datetime) -> None:
        if not self._plan.speed:
            return
        due_s = self._began_s + (at - self._found.first_at).total_seconds() / self._plan.speed
        while (rest_s := due_s - time.monotonic()) > 0 and not self._stopping.is_wanted:
            self._radio.run(min(rest_s, 0.2))
            self._progress.show(self.describe())

    def _wait(self) -> None:
        """Let the radio work; give up when nothing has been acknowledged for long."""
        self._radio.run(0.01)
        answered = self._radio.acknowledged + self._radio.refused
        now_s = time.monotonic()
        if answered != self._moved[0]:
            self._moved = (answered, now_s)
        elif now_s - self._moved[1] > _PATIENCE_S:
            troubles = "; ".join(self._radio.troubles()) or "it does not say why"
            raise SimulatorError(
                f"The broker has acknowledged nothing for {_PATIENCE_S:.0f} s ({troubles}). "
                f"{answered:,} messages had been answered, {self._radio.backlog:,} are left. Is the broker running, and "
                "are the credentials still good? Delete the kept ones to be given new ones."
            )
        self._progress.show(self.describe())


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
