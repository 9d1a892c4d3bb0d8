"""A small fleet against a real broker: what it says, keeps, sends late, and goes on with."""

import itertools
import re
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.fleet.clock import Clock
from tests.conftest import BrokerForTests
from tests.fakes.enrolment_desk import TOKEN, EnrolmentDesk
from tests.simulators.conftest import Ears, wait_until

Start = Callable[..., "subprocess.Popen[str]"]
PAST = ("--vehicles", "3", "--history", "3h", "--catch-up", "1s", "--live-cadence", "1s", "--outages-per-day", "0")


def words(desk: EnrolmentDesk, tenant: str, *more: str) -> tuple[str, ...]:
    door = ("--api-url", desk.url, "--api-token", TOKEN, "--tenant", tenant, "--state-dir", "state")
    return ("fleet", *door, *PAST, *more)


def stopped(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    return said


def instants(samples: list[Any]) -> list[datetime]:
    return [datetime.fromisoformat(sample["at"]) for sample in samples]


def test_the_past_comes_as_backfill_and_then_the_present_goes_on(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str
) -> None:
    fleet = simulator(*words(desk, tenant))

    def live() -> list[Any]:
        return [message for message in ears.of("ev-0002", "telemetry") if "backfill" not in message]

    wait_until(lambda: bool(live()) and instants(live()[-1]["samples"])[-1] > datetime.now(UTC) - timedelta(seconds=20))
    stopped(fleet)
    messages = ears.of("ev-0002", "telemetry", "event")
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert {message["boot"] for message in messages} == {1}
    assert messages[0]["backfill"] is True
    assert {len(message["samples"]) for message in messages[1:-1]} == {6}
    ats = instants(ears.samples("ev-0002"))
    assert ats == sorted(set(ats))
    assert ats[0] < datetime.now(UTC) - timedelta(hours=2, minutes=55)
    states = [message["online"] for message in ears.of("ev-0002", "state")]
    assert states[0] is True
    assert states[-1] is False


def test_a_trouble_code_is_an_event_after_the_samples_that_led_to_it_and_the_truth_stays_at_home(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    fleet = simulator(*words(desk, tenant, "--fault", "ev-0003=insulation_breakdown@-1h"))
    wait_until(lambda: bool(ears.of("ev-0003", "event")))
    stopped(fleet)
    (event,) = ears.of("ev-0003", "event")
    assert event["codes"] == ["P0AA6"]
    assert event["schema"] == "callout.event/1"
    before = [message for message in ears.of("ev-0003", "telemetry") if message["seq"] < event["seq"]]
    assert before[-1]["samples"][-1]["insulation_kohm"] < 200
    assert "insulation_breakdown" in (tmp_path / "state" / "truth.jsonl").read_text()
    assert "insulation_breakdown" not in str(ears.heard)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_fleet_goes_on_from_where_it_was_with_a_new_boot(
    end: signal.Signals, simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str
) -> None:
    first = simulator(*words(desk, tenant))
    wait_until(lambda: len(ears.samples("ev-0001")) > 60)
    first.send_signal(end)
    first.wait()
    second = simulator(*words(desk, tenant))

    def is_live() -> bool:
        samples = ears.samples("ev-0001")
        boots = {message["boot"] for message in ears.of("ev-0001", "telemetry")}
        return boots == {1, 2} and instants(samples)[-1] > datetime.now(UTC) - timedelta(seconds=20)

    wait_until(is_live)
    stopped(second)
    ats = sorted(instants(ears.samples("ev-0001")))
    assert max(later - earlier for earlier, later in itertools.pairwise(ats)) < timedelta(seconds=65)
    for boot in (1, 2):
        seqs = {message["seq"] for message in ears.of("ev-0001", "telemetry") if message["boot"] == boot}
        assert seqs == set(range(1, len(seqs) + 1))
    assert len(desk.issued) == 3, "credentials were remembered"


def test_credentials_that_were_lost_are_issued_anew(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    first = simulator(*words(desk, tenant))
    wait_until(lambda: len(ears.of("ev-0001", "telemetry")) > 3)
    stopped(first)
    kept = tmp_path / "state" / tenant / "ev-0001.json"
    assert kept.stat().st_mode & 0o077 == 0
    kept.unlink()
    heard = len(ears.of("ev-0001", "telemetry"))
    second = simulator(*words(desk, tenant))
    wait_until(lambda: len(ears.of("ev-0001", "telemetry")) > heard)
    stopped(second)
    assert len(desk.issued) == 4


def test_a_vehicle_out_of_reach_sends_what_it_kept_late_and_in_order(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str
) -> None:
    fleet = simulator(*words(desk, tenant, "--outages-per-day", "60", "--outage", "12m"))
    wait_until(lambda: len(ears.samples("ev-0001")) > 150)
    stopped(fleet)
    seqs = [message["seq"] for message in ears.of("ev-0001", "telemetry", "event")]
    assert list(dict.fromkeys(seqs)) == list(range(1, max(seqs) + 1))


def test_another_fleet_in_the_same_folder_is_refused(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str
) -> None:
    first = simulator(*words(desk, tenant))
    wait_until(lambda: len(ears.of("ev-0001", "telemetry")) > 3)
    stopped(first)
    second = simulator(*words(desk, tenant, "--seed", "8"))
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert "remembers another fleet" in said
    assert "--state-dir" in said
    assert "Traceback" not in said


def test_a_wrong_token_is_said_with_the_next_move(simulator: Start, desk: EnrolmentDesk, tenant: str) -> None:
    fleet = simulator(*words(desk, tenant, "--api-token", "wrong"))
    _, said = fleet.communicate(timeout=20)
    assert fleet.returncode == 1
    assert re.search("refused with status 401.*--api-token", said)


def test_hundreds_of_vehicles_need_one_thread(
    simulator: Start, desk: EnrolmentDesk, broker: BrokerForTests, ears: Ears, tenant: str
) -> None:
    fleet = simulator(*words(desk, tenant, "--vehicles", "60", "--history", "30m"))
    wait_until(lambda: len(ears.samples("ev-0060")) > 25, timeout_s=40)
    threads = len(list(Path(f"/proc/{fleet.pid}/task").iterdir()))
    stopped(fleet)
    assert threads < 10


def test_the_clock_reaches_the_present_without_a_jump() -> None:
    start_at = datetime(2026, 11, 21, tzinfo=UTC)
    stopwatch_s = 100.0
    clock = Clock(
        start_at - timedelta(hours=24),
        20.0,
        lambda: start_at + timedelta(seconds=stopwatch_s - 100),
        lambda: stopwatch_s,
    )
    seen: list[datetime] = []
    for _ in range(60):
        seen.append(clock.now())
        stopwatch_s += 0.5
    assert seen[0] == start_at - timedelta(hours=24)
    steps = [later - earlier for earlier, later in itertools.pairwise(seen)]
    assert all(timedelta(0) < step for step in steps)
    assert steps[-1] == timedelta(seconds=0.5)
    assert max(steps) < timedelta(minutes=37)
