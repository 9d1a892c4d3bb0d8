"""Recorded meters, replayed over a real broker into the whole desk: every row is accounted for, and leaks ask for a visit.

The recordings (DAIAD water meters, CC BY-SA 4.0; Smart Grid Smart City, CC BY; district heat, CC BY 4.0) are not part of
this repository: CALLOUT_METER_RECORDINGS names the folder that has them, `../shared/data` beside the checkout if it is
not set. What is replayed here are slices of them.
"""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.settings import CHECKOUT
from tests.conftest import make_enterable
from tests.test_recordings import Desk

RECORDINGS = Path(os.environ.get("CALLOUT_METER_RECORDINGS") or CHECKOUT.parent / "shared" / "data")
WATER = RECORDINGS / "water_daiad" / "readings.csv.gz"
ELECTRICITY = RECORDINGS / "elec_sgsc10" / "smart_meter10.csv.gz"
HEAT = RECORDINGS / "heat_dk" / "sample.csv.gz"
MAPPINGS = CHECKOUT / "simulators" / "mappings"

# One in whose pipes water flows on to the end of the slice; one whose register goes back again and again; a healthy one.
LEAKY, UNSTEADY, WELL = "5", "18", "13"
SPANS = {
    LEAKY: ("2016-03-12", "2016-04-19"),
    UNSTEADY: ("2016-12-15", "2017-02-01"),
    WELL: ("2016-03-12", "2016-04-15"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(path.exists() for path in (WATER, ELECTRICITY, HEAT)),
        reason="the recordings of real meters are not here (set CALLOUT_METER_RECORDINGS to their folder)",
    ),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("meters")
    make_enterable(folder)
    opened = Desk(folder / "data")
    yield opened
    opened.end()


def sliced(recording: Path, to: Path, is_wanted: Callable[[dict[str, str]], bool]) -> int:
    """Copy the wanted rows of a recording; gives how many they are."""
    with gzip.open(recording, "rt", newline="") as source, to.open("w", newline="") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, reader.fieldnames or [])
        writer.writeheader()
        count = 0
        for row in filter(is_wanted, reader):
            writer.writerow(row)
            count += 1
    return count


def accounted(desk: Desk, recording: Path, mapping: str) -> dict[str, dict[str, object]]:
    """Replay a recording, wait until all of it is there and diagnosed, and give its account by device."""
    sent = recording.with_suffix(".json")
    words = ("--mapping", str(MAPPINGS / mapping), "--state-dir", str(desk.folder / "replay"), "--account", str(sent))
    desk.callout("replay", str(recording), *words, "--samples-per-message", "100")
    total = sum(one["sent"] for one in json.loads(sent.read_text())["devices"].values())
    names = list(json.loads(sent.read_text())["devices"])
    count = "SELECT count(*) FROM smart_meter_reading JOIN device USING (device_id) WHERE name = ANY(%s)"
    desk.wait_for(lambda: desk.rows(count, names) == [(total,)])
    desk.wait_for(lambda: desk.rows("SELECT 1 FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')") == [])
    lines = json.loads(desk.callout("account", "hanbit", "--sent", str(sent), "--as", "json"))
    return {line["device"]: line for line in lines}


def test_every_row_of_water_meters_is_there_and_a_leak_asks_for_a_visit(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "water.csv"

    def is_wanted(row: dict[str, str]) -> bool:
        begins, ends = SPANS.get(row["meter"], ("", ""))
        return begins <= row["ts"] < ends

    rows = sliced(WATER, path, is_wanted)
    lines = accounted(desk, path, "water_meter.toml")
    assert set(lines) == {f"water-{meter}" for meter in SPANS}
    assert sum(line["stored"] for line in lines.values()) == rows
    assert {line["duplicate"] for line in lines.values()} == {0}
    assert lines[f"water-{LEAKY}"]["requests"] == {"water_leak": 1}
    assert lines[f"water-{UNSTEADY}"]["symptoms"] == {"water_unsteady": 1}
    assert lines[f"water-{UNSTEADY}"]["requests"] == {"water_meter_faulty": 1}
    assert lines[f"water-{WELL}"]["requests"] == {}


def test_half_hourly_use_becomes_a_register_that_is_exact_at_its_end(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "electricity.csv"
    rows = sliced(
        ELECTRICITY, path, lambda row: row["customer_id"] == "10018060" and row["reading_datetime"] < "2012-07-01"
    )
    (line,) = accounted(desk, path, "half_hourly_electricity.toml").values()
    assert (line["rows"], line["stored"], line["duplicate"], line["requests"]) == (rows, rows, 0, {})
    with path.open(newline="") as file:
        used_wh = sum(round(float(row["general_supply_kwh"]) * 1000) for row in csv.DictReader(file))
    register = (
        "SELECT max(import_wh) FROM smart_meter_reading JOIN device USING (device_id) WHERE name = 'home-10018060'"
    )
    assert desk.rows(register) == [(used_wh,)]


def test_every_row_of_a_heat_meter_is_there_with_the_temperatures_that_its_sums_hold(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "heat.csv"
    rows = sliced(HEAT, path, lambda row: row["time_rounded"] < "2018-02-03")
    (line,) = accounted(desk, path, "district_heat.toml").values()
    assert (line["rows"], line["stored"], line["duplicate"], line["requests"]) == (rows, rows, 0, {})
    ((lowest, highest),) = desk.rows(
        """SELECT min(heat_supply_degc), max(heat_supply_degc) FROM smart_meter_reading JOIN device USING (device_id)
        WHERE name = 'heat-660'"""
    )
    assert 40 < lowest < highest < 110
