"""Two real electric vehicles, replayed over a real broker into the whole desk.

The recordings (Nie et al., Energy 323, 2025; MIT licence) are not part of this repository: CALLOUT_RECORDINGS names
the folder that has them, `../shared/data/ev_battery` beside the checkout if it is not set.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.embedded.neighbour import fill_in
from gateway.settings import CHECKOUT, Settings
from gateway.storage.connection import Role, connect
from tests.conftest import make_enterable

RECORDINGS = Path(os.environ.get("CALLOUT_RECORDINGS") or CHECKOUT.parent / "shared" / "data" / "ev_battery")
CHINA = ZoneInfo("Asia/Shanghai")
LONG_S = 300.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (RECORDINGS / "car3_processed.zip").exists(),
        reason="the recordings of two real vehicles are not here (set CALLOUT_RECORDINGS to their folder)",
    ),
]


class Desk:
    """`callout up` on a folder of its own, with the world of the demonstration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {**os.environ, "CALLOUT_DATA_DIR": str(folder), "CALLOUT_SMTP_URL": ""}
        self.log = folder.with_name("up.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "up"], cwd=CHECKOUT, env=self.variables, stdout=log, stderr=log
            )
        self.wait_for(lambda: "pages and HTTP API" in self.log.read_text())
        self.callout("configure", str(CHECKOUT / "simulators" / "worlds" / "demo.toml"))

    def callout(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            cwd=CHECKOUT,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=LONG_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def replay(self, name: str, rows: int) -> int:
        """Replay a recording as a device of its name, and return its id when all rows are stored."""
        state = str(self.folder / "replay")
        recording = str(RECORDINGS / f"{name}_processed.zip")
        self.callout("replay", recording, "--device", name, "--owner-email", f"{name}@x.example", "--state-dir", state)
        count = "SELECT count(*) FROM electric_vehicle_reading JOIN device USING (device_id) WHERE name = %s"
        self.wait_for(lambda: self.rows(count, name) == [(rows,)])
        self.wait_for(
            lambda: self.rows("SELECT 1 FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')") == []
        )
        return self.rows("SELECT device_id FROM device WHERE name = %s", name)[0][0]

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        url = fill_in(Settings(data_dir=self.folder, database_url="")).database_url
        with connect(url, Role.ADMIN) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]

    def wait_for(self, is_so: object) -> None:
        until_s = time.monotonic() + LONG_S
        while not is_so():  # type: ignore[operator]
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until_s, "it did not come about in time"
            time.sleep(0.2)

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("recordings")
    make_enterable(folder)
    opened = Desk(folder / "data")
    yield opened
    opened.end()


def shift(desk: Desk, device_id: int, last_recorded: str) -> timedelta:
    """How far the replay moved a recording: its last reading became the present."""
    ((last,),) = desk.rows("SELECT max(claimed_at) FROM electric_vehicle_reading WHERE device_id = %s", device_id)
    return last - datetime.fromisoformat(last_recorded).replace(tzinfo=CHINA).astimezone(UTC)


def test_a_pack_with_two_weak_cells_ends_in_a_request_that_names_them_and_in_offered_dates(desk: Desk) -> None:
    car = desk.replay("car3", 50_000)
    cells = desk.rows(
        "SELECT element, value FROM symptom WHERE device_id = %s AND monitor = 'cell_leaves_pack' AND state = 'confirmed'",
        car,
    )
    assert {element for element, _ in cells} == {2, 81}
    assert all(value < -0.02 for _, value in cells)
    ((request_id, state, fault),) = desk.rows(
        "SELECT request_id, r.state, f.code FROM service_request r JOIN fault f USING (fault_id) WHERE r.device_id = %s",
        car,
    )
    assert (state, fault) == ("offered", "weak_cell")
    ((evidence, since_at),) = desk.rows(
        """SELECT d.hypotheses -> 0 -> 'evidence_for', d.since_at FROM service_request r JOIN diagnosis d USING (diagnosis_id)
        WHERE request_id = %s""",
        request_id,
    )
    assert {2, 81} <= {piece["element"] for piece in evidence}
    recorded = (since_at - shift(desk, car, "2019-05-12 16:43:55")).astimezone(CHINA)
    assert timedelta(0) <= recorded - datetime(2019, 4, 15, 18, 9, 6, tzinfo=CHINA) < timedelta(hours=1)
    dates = desk.rows("SELECT rank FROM booking WHERE request_id = %s AND released_at IS NULL", request_id)
    assert len(dates) == 3
    assert desk.rows("SELECT part_no FROM reservation WHERE request_id = %s", request_id) == [("EV-CELL-MODULE",)]


def test_a_pack_that_fails_suddenly_is_silent_for_twelve_weeks_and_then_one_safety_case_at_once(desk: Desk) -> None:
    car = desk.replay("car4", 14_973)
    failed_at = datetime(2019, 7, 9, 22, 14, 40, tzinfo=CHINA) + shift(desk, car, "2019-07-09 22:39:06")
    early = desk.rows("SELECT monitor FROM symptom WHERE device_id = %s AND confirmed_at < %s", car, failed_at)
    assert early == []
    ((first,),) = desk.rows("SELECT min(confirmed_at) FROM symptom WHERE device_id = %s", car)
    assert first == failed_at
    requests = desk.rows("SELECT state, is_safety FROM service_request WHERE device_id = %s", car)
    assert requests == [("held", True)]
    cases = desk.rows("SELECT queue FROM human_case JOIN service_request USING (request_id) WHERE device_id = %s", car)
    assert cases == [("safety",)]
    assert desk.rows("SELECT count(*) FROM rejection") == [(0,)]
