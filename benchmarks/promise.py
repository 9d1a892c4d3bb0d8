"""From the reading that decides to the dates that are offered, while ingest runs at half its limit.

``python -m benchmarks.promise [--seconds S] [--leaks N]``. The real processes `ingest` and `work`, a real broker and
database: first a fleet's messages come as fast as they may, which gives the limit; then more come at half of that, and
meanwhile one home after another reports water that never rests. What is told are the seconds between the receipt of the
reading that decided and the offer of three dates, as the database keeps both.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from psycopg.types.json import Jsonb

from benchmarks.broker import MeasuredBroker, broker
from benchmarks.desk import MeasuredDesk, fresh_desk, server, topic
from benchmarks.drain import open_session
from benchmarks.figures import Figure, table
from benchmarks.load import PRODUCT, Load, lived, message_bytes, sample_bytes
from benchmarks.publish import finished, started
from benchmarks.report import tell
from benchmarks.wire import PUBACK_BYTES, publish_frame, publisher
from gateway.settings import CHECKOUT, ServerAddress
from gateway.storage.connection import tenant_transaction
from simulators.progress import ProgressLine

_AT_MOST_S: Final = 1.0
_DEVICES: Final = 2000
_WARM: Final = 40_000
# Half of more than any machine has taken in so far: on a faster one the run is shorter, and fewer leaks are told.
_MOST_PER_S: Final = 12_000
_TICK_S: Final = 0.05
_PATIENCE_S: Final = 120.0
_HOURS: Final = 60
_TECHNICIANS: Final = 30
_LARGEST_ID: Final = 65_535
_SHIFT: Final = {day: ["08:00", "18:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@dataclass(frozen=True, slots=True)
class Promised:
    """What so many leaks took from the reading that decided to their offer, in seconds, beside how many messages."""

    limit_per_s: float
    sent_per_s: float
    leaks: int
    offered: int
    p50_s: float
    p99_s: float
    stages: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Run:
    """How much is asked of a run."""

    seconds: float
    leaks: int
    devices: int
    warm: int


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--seconds", type=float, default=30.0)
    words.add_argument("--leaks", type=int, default=100)
    words.add_argument("--devices", type=int, default=_DEVICES)
    words.add_argument("--warm", type=int, default=_WARM, help="messages that measure the limit")
    said = words.parse_args()
    found = _figures(_measured(_Run(said.seconds, said.leaks, said.devices, said.warm), ProgressLine()))
    tell("request to offer", table(found), {"benchmark": "promise", "figures": [each.as_json() for each in found]})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure half a minute, or some seconds."""
    run = _Run(5.0, 10, 500, 4000) if quick else _Run(30.0, 100, _DEVICES, _WARM)
    return _figures(_measured(run, progress))


def _figures(found: Promised) -> list[Figure]:
    note = (
        f"{found.offered} of {found.leaks} leaks were offered dates, while {found.sent_per_s:,.0f} messages/s came: "
        f"half of {found.limit_per_s:,.0f}; the load generator runs on the same cores"
    )
    return [
        *(
            Figure(f"of it {stage}, p50 and beside it p99", p50_s, "s", p99_s, "p99")
            for stage, (p50_s, p99_s) in found.stages.items()
        ),
        Figure("request to offer while ingest is half busy, p50", found.p50_s, "s"),
        Figure("request to offer while ingest is half busy, p99", found.p99_s, "s", at_most=_AT_MOST_S, note=note),
    ]


def _measured(run: _Run, progress: ProgressLine) -> Promised:
    load = lived(run.devices, run.warm + int(run.seconds * _MOST_PER_S), 1, 7, progress)
    names = [f"leak-{number}" for number in range(run.leaks)]
    with (
        tempfile.TemporaryDirectory(prefix="callout-load-") as name,
        server() as dsn,
        broker() as at,
        fresh_desk(dsn) as desk,
    ):
        _furnish(desk, load, names)
        open_session(at.ingest_url)
        with _process("ingest", desk, at, Path(name)), _process("work", desk, at, Path(name)):
            limit_per_s = _limit(desk, at, load, run.warm, Path(name), progress)
            sent_per_s, leaks = _half_busy(at, load.messages[run.warm :], limit_per_s / 2, names, run.seconds, progress)
            waited = _waited(desk, leaks)
            stages = _stages(desk)
    if not waited:
        raise RuntimeError("no leak was offered dates: see the logs of ingest and work with one leak alone")
    p50_s, p99_s = np.percentile(waited, [50, 99])
    return Promised(limit_per_s, sent_per_s, leaks, len(waited), float(p50_s), float(p99_s), stages)


def _furnish(desk: MeasuredDesk, load: Load, leaks: Sequence[str]) -> None:
    """Enrol the fleet and the homes, and put a centre with technicians among them."""
    desk.enrol(PRODUCT, load.devices)
    desk.enrol("smart_meter", leaks)
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute("INSERT INTO staff (name, email, role) VALUES ('Planner', 'planner@m.example', 'planner')")
        desk.admin.execute(
            """INSERT INTO service_centre (name, title, address, time_zone, latitude, longitude, hours)
            VALUES ('main', 'Main', '1 Main Street', 'Asia/Seoul', 37.5, 127.0, %s)""",
            [Jsonb(_SHIFT)],
        )
        desk.admin.execute(
            """INSERT INTO technician (centre_id, name, skills, hours, latitude, longitude)
            SELECT centre_id, 'Technician ' || number, ARRAY['water_meter', 'electricity_meter'], hours, 37.5, 127.0
            FROM service_centre, generate_series(1, %s) AS number""",
            [_TECHNICIANS],
        )


@contextmanager
def _process(name: str, desk: MeasuredDesk, at: MeasuredBroker, folder: Path) -> Generator[None]:
    """Run a process of the house until the block ends."""
    environment = {"CALLOUT_DATABASE_URL": desk.dsn, "CALLOUT_BROKER_URL": at.ingest_url, "CALLOUT_SMTP_URL": ""}
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", name],
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _limit(
    desk: MeasuredDesk, at: MeasuredBroker, load: Load, count: int, folder: Path, progress: ProgressLine
) -> float:
    """Return how many messages in a second are stored when they come as fast as they may."""
    first = Load(load.devices, load.messages[:count], load.samples_per_message)
    # The processes are at work before the clock runs: a first message shows it.
    finished(started(at.load_url, Load(load.devices, first.messages[:1], 1).framed(folder)[:1], 1))
    _wait_until(lambda: desk.readings() >= 1)
    began_s = time.monotonic()
    rest = Load(load.devices, first.messages[1:], load.samples_per_message)
    finished(started(at.load_url, rest.framed(folder), count - 1))
    _wait_until(lambda: desk.readings() >= count)
    progress.say(f"the limit was measured with {count:,} messages")
    return (count - 1) / (time.monotonic() - began_s)


def _half_busy(
    at: MeasuredBroker,
    messages: Sequence[tuple[str, bytes]],
    per_s: float,
    leaks: Sequence[str],
    seconds: float,
    progress: ProgressLine,
) -> tuple[float, int]:
    """Send messages at a pace, and the leaks among them one after another; return how many a second, and how many leaks."""
    address = ServerAddress.parse(at.load_url)
    fleet, homes = _Line(address, "benchmark-fleet"), _Line(address, "benchmark-homes")
    began_s, sent, told = time.monotonic(), 0, 0
    while (passed_s := time.monotonic() - began_s) < seconds and sent < len(messages):
        due = min(int(per_s * passed_s), len(messages))
        fleet.send(messages[sent:due])
        sent = due
        while told < len(leaks) * passed_s / seconds:
            homes.send(_leak(leaks[told]))
            told += 1
        progress.show(f"{sent:,} messages, {told} leaks, {seconds - passed_s:,.0f} s to go")
        time.sleep(_TICK_S)
    passed_s = time.monotonic() - began_s
    fleet.close()
    homes.close()
    return sent / passed_s, told


@dataclass(slots=True)
class _Line:
    """A connection to the broker on which messages are sent at QoS 1 without waiting for each to be acknowledged."""

    address: ServerAddress
    name: str
    sent: int = 0
    acknowledged_bytes: int = 0
    link: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.link = publisher(self.address, self.name)

    def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Write messages, and take the acknowledgements that are there off the line."""
        frames = [
            publish_frame(name, payload, (self.sent + number) % _LARGEST_ID + 1)
            for number, (name, payload) in enumerate(messages)
        ]
        self.link.setblocking(True)
        self.link.sendall(b"".join(frames))
        self.sent += len(messages)
        self.link.setblocking(False)
        try:
            while data := self.link.recv(1 << 16):
                self.acknowledged_bytes += len(data)
        except BlockingIOError:
            # Nothing more is there now; the rest is taken the next time.
            return

    def close(self) -> None:
        """Hang up when all is acknowledged: what is on its way when a line with unread words is closed is lost."""
        self.link.settimeout(_PATIENCE_S)
        while self.acknowledged_bytes < self.sent * PUBACK_BYTES:
            data = self.link.recv(1 << 16)
            if not data:
                raise RuntimeError(f"the broker hung up on {self.name} before it had acknowledged {self.sent} messages")
            self.acknowledged_bytes += len(data)
        self.link.close()


def _leak(device: str) -> list[tuple[str, bytes]]:
    """Return what a home reports in which three litres an hour have run for days without a break."""
    began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=_HOURS)
    samples = [
        sample_bytes(began_at + timedelta(hours=hour), {"water_l": 10_000 + 3 * hour}) for hour in range(1, _HOURS)
    ]
    return [(topic(device), message_bytes(seq, samples[6 * seq : 6 * seq + 6])) for seq in range(_HOURS // 6)]


def _waited(desk: MeasuredDesk, leaks: int) -> list[float]:
    """Return the seconds from the deciding reading to the offer, of each leak that has one in good time."""

    def waits() -> list[float]:
        rows = desk.admin.execute(
            """SELECT extract(epoch FROM min(o.made_at) - min(r.decided_received_at))::float
            FROM service_request r JOIN device d USING (device_id) JOIN offer o USING (request_id)
            WHERE d.product = 'smart_meter' GROUP BY r.request_id"""
        ).fetchall()
        return [float(row[0]) for row in rows]

    until_s = time.monotonic() + _PATIENCE_S / 4
    while len(found := waits()) < leaks and time.monotonic() < until_s:
        time.sleep(0.2)
    return found


def _stages(desk: MeasuredDesk) -> dict[str, tuple[float, float]]:
    """Return where the seconds went: median and 99th percentile of each stage on the way to the first offer."""
    rows = desk.admin.execute(
        """WITH way AS (
            SELECT min(r.decided_received_at) AS received, min(v.at) FILTER (WHERE task = 'diagnose' AND type = 'deferred')
                    AS found, min(v.at) FILTER (WHERE task = 'diagnose' AND type = 'started') AS diagnosing,
                min(v.at) FILTER (WHERE task = 'offer' AND type = 'deferred') AS opened,
                min(v.at) FILTER (WHERE task = 'offer' AND type = 'started') AS offering,
                min(v.at) FILTER (WHERE task = 'offer' AND type = 'succeeded') AS offered
            FROM service_request r JOIN device d USING (device_id) JOIN LATERAL (
                SELECT j.task_name AS task, e.type::text AS type, e.at FROM jobs.procrastinate_jobs j
                JOIN jobs.procrastinate_events e ON e.job_id = j.id
                WHERE (j.args ->> 'device_id')::bigint = r.device_id OR (j.args ->> 'request_id')::bigint = r.request_id
            ) AS v ON true
            WHERE d.product = 'smart_meter' GROUP BY r.request_id)
        SELECT extract(epoch FROM found - received)::float, extract(epoch FROM diagnosing - found)::float,
            extract(epoch FROM opened - diagnosing)::float, extract(epoch FROM offering - opened)::float,
            extract(epoch FROM offered - offering)::float FROM way WHERE offered IS NOT NULL"""
    ).fetchall()
    names = ("stored and detected", "waiting to diagnose", "diagnosing", "waiting to offer", "offering")
    if not rows:
        return {}
    shares = np.percentile(np.array(rows, dtype=float), [50, 99], axis=0)
    return {name: (float(p50), float(p99)) for name, p50, p99 in zip(names, *shares, strict=True)}


def _wait_until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > until_s:
            raise RuntimeError(f"what was sent is not stored after {_PATIENCE_S:g} s: see the log of ingest")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
