"""Replaying recordings to a real broker: every value arrives as the mapping says, and what is bad does not stop it."""

import gzip
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.breeds import breed_of
from simulators.enrolment import Enrolment
from simulators.errors import SimulatorError
from simulators.fleet.people import roster
from simulators.progress import ProgressLine
from simulators.replay.mapping import read_mapping
from simulators.replay.survey import survey
from tests.fakes.enrolment_desk import TOKEN, EnrolmentDesk
from tests.simulators.conftest import Ears, wait_until

Start = Callable[..., "subprocess.Popen[str]"]

HEADER = (
    "tboxTime,BMSChargeStatus,vehSpeed,BMSBatteryVoltage,BMSBatteryCurrent,vehBMSPackSOC,BMSProbeTempMax,"
    "BMSWarningInformation,vehOdo,insulationResistance,V_1,V_2,V_10,T_1,T_2,T_3"
)
ROWS = (
    "2019-04-15 18:09:06,3,12.5,344.5,58.7,72,25,0,29956.8,1000,3.914,3.921,3.893,511,65,255",
    "2019-04-15 18:09:16,1.0,0.0,344.6,-20.1,72,26,2,29956.9,1000,3.915,,3.894,511,66,64",
    "2019-04-15 18:09:26,,0.0,344.7,0.0,255,26,3,29956.9,1000,1.995,5.0,511,511,149,64",
)


def recording(folder: Path, *rows: str, header: str = HEADER, name: str = "car 9.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *(rows or ROWS))) + "\n", encoding="utf-8")
    return path


def replayed(simulator: Start, desk: EnrolmentDesk, tenant: str, path: Path, *more: str) -> tuple[int, str, str]:
    door = ("--api-url", desk.url, "--api-token", TOKEN, "--tenant", tenant, "--state-dir", "state")
    process = simulator("replay", str(path), *door, *more)
    said, complaints = process.communicate(timeout=60)
    return process.returncode, said, complaints


def test_every_value_arrives_as_the_shipped_mapping_says(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    code, said, complaints = replayed(simulator, desk, tenant, recording(tmp_path), "--keep-times")
    assert code == 0, complaints
    assert "published 3 of 3 rows in 1 messages" in said
    assert "0 values or rows were unreadable" in said
    wait_until(lambda: len(ears.samples("car-9")) == 3)
    (message,) = ears.of("car-9", "telemetry")
    assert message["backfill"] is True
    first, second, third = message["samples"]
    assert first == {
        "at": "2019-04-15T10:09:06.000Z",
        "pack_voltage_v": 344.5,
        "pack_current_a": -58.7,
        "soc_pct": 72.0,
        "bms_level": 0,
        "insulation_kohm": 1000.0,
        "odometer_m": 29956800,
        "speed_kmh": 12.5,
        "is_charging": False,
        "cell_voltages_v": [3.914, 3.921, 3.893],
        "probe_temps_degc": [25.0, None],
    }
    assert second["is_charging"] is True
    assert second["cell_voltages_v"] == [3.915, None, 3.894]
    assert "is_charging" not in third
    assert "soc_pct" not in third
    assert third["bms_level"] == 3
    assert third["cell_voltages_v"] == [1.995, 5.0, None]
    assert third["probe_temps_degc"] == [109.0, 24.0]
    assert "T_1; number 1 of probe_temps_degc is T_2" in complaints


def test_times_are_shifted_so_that_the_last_one_is_now(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    replayed(simulator, desk, tenant, recording(tmp_path), "--device", "car9")
    wait_until(lambda: len(ears.samples("car9")) == 3)
    first_at, _, last_at = (datetime.fromisoformat(sample["at"]) for sample in ears.samples("car9"))
    assert abs(datetime.now(UTC) - last_at) < timedelta(seconds=30)
    assert last_at - first_at == timedelta(seconds=20)
    assert desk.devices[f"{tenant}/car9"]["owner"]["email"] == "recorded@owners.example"


@pytest.mark.parametrize("pack", ["gz", "zip"])
def test_packed_recordings_are_read_as_they_are(
    pack: str, simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    plain = recording(tmp_path)
    packed = tmp_path / f"packed.csv.{pack}"
    if pack == "gz":
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plain, "inside.csv")
    code, _, complaints = replayed(simulator, desk, tenant, packed)
    assert code == 0, complaints
    wait_until(lambda: len(ears.samples("packed")) == 3)


def test_what_is_unreadable_is_listed_with_its_line_and_the_rest_lives(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    rows = (
        ROWS[0],
        ROWS[1].replace("344.6", "34x.6").replace("3.915", "inf"),
        ROWS[1].replace("2019-04-15 18:09:16", "yesterday"),
        "2019-04-15 18:09:16,3",
        ROWS[2].replace(",,0.0", ",7,0.0"),
    )
    code, said, complaints = replayed(simulator, desk, tenant, recording(tmp_path, *rows), "--device", "bad")
    assert code == 0
    assert "published 3 of 5 rows" in said
    assert "5 values or rows were unreadable" in said
    assert "line 3, column BMSBatteryVoltage: '34x.6' is not a number" in complaints
    assert "line 3, column V_1: 'inf' is not a finite number" in complaints
    assert "line 4, column tboxTime: 'yesterday' is not a time of format" in complaints
    assert "line 5: '2019-04-15 18:09:16,3' has 2 fields instead of 16" in complaints
    assert "line 6, column BMSChargeStatus: '7' is none of the values 1, 2, 3, 4" in complaints
    wait_until(lambda: len(ears.samples("bad")) == 3)
    second = ears.samples("bad")[1]
    assert "pack_voltage_v" not in second
    assert second["cell_voltages_v"][0] is None
    assert second["soc_pct"] == 72.0


def test_a_second_replay_is_a_new_boot_of_the_same_device(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    path = recording(tmp_path)
    for _ in range(2):
        replayed(simulator, desk, tenant, path, "--device", "twice", "--samples-per-message", "1")
    wait_until(lambda: len(ears.samples("twice")) == 6)
    numbers = [(message["boot"], message["seq"]) for message in ears.of("twice", "telemetry")]
    assert numbers == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


def test_a_file_with_many_devices_is_replayed_as_many(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(
        '[time]\ncolumn = "t"\nformat = "unix_s"\n[device]\ncolumn = "vin"\n'
        '[signals.soc_pct]\ncolumn = "soc"\nscale = 0.1\nno_value = ["n.v."]\n'
    )
    path = recording(tmp_path, "1555322946;A 1;720", "1555322947;B/2;n.v.", "1555322948;A 1;719", header="t;vin;soc")
    code, _, complaints = replayed(simulator, desk, tenant, path, "--mapping", str(mapping), "--keep-times")
    assert code == 0, complaints
    wait_until(lambda: len(ears.samples("a-1")) == 2 and len(ears.samples("b-2")) == 1)
    assert [sample.get("soc_pct") for sample in ears.samples("a-1")] == [72.0, 71.9]
    assert ears.samples("b-2") == [{"at": "2019-04-15T10:09:07.000Z"}]


METERS = """
product = "smart_meter"
[time]
column = "ts"
format = "%Y-%m-%d %H:%M:%S"
zone = "Europe/Madrid"
[device]
column = "meter"
prefix = "home-"
"""


def test_what_intervals_used_becomes_an_exact_register_and_what_rises_together_a_temperature(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "use.toml"
    mapping.write_text(
        METERS + '[signals.import_wh]\ncolumn = "kwh"\nscale = 1000\nis_use = true\n'
        '[signals.battery_v]\ncolumn = "energy"\nrise_by = "volume"\n'
    )
    rows = ("1,2026-01-01 00:00:00,0.1,10,1", "1,2026-01-01 00:30:00,0.2,16,3", "2,2026-01-01 00:00:00,7,0,0")
    rows = (*rows, "1,2026-01-01 01:00:00,,16,3", "1,2026-01-01 01:30:00,0.001,19,4")
    path = recording(tmp_path, *rows, header="meter,ts,kwh,energy,volume")
    code, _, complaints = replayed(simulator, desk, tenant, path, "--mapping", str(mapping), "--keep-times")
    assert code == 0, complaints
    wait_until(lambda: len(ears.samples("home-1")) == 4 and len(ears.samples("home-2")) == 1)
    assert [sample.get("import_wh") for sample in ears.samples("home-1")] == [100, 300, None, 301]
    assert [sample.get("battery_v") for sample in ears.samples("home-1")] == [None, 3.0, None, 3.0]
    assert ears.samples("home-2")[0]["import_wh"] == 7000


def test_the_hour_that_comes_twice_in_autumn_is_told_apart_device_by_device(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "local.toml"
    mapping.write_text(METERS + '[signals.water_l]\ncolumn = "l"\n')
    hours = ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    rows = [f"{meter},2025-10-26 {hour}:00,{number}" for meter in (1, 2) for number, hour in enumerate(hours)]
    path = recording(tmp_path, *rows, header="meter,ts,l")
    replayed(simulator, desk, tenant, path, "--mapping", str(mapping), "--keep-times")
    wait_until(lambda: len(ears.samples("home-1")) == 6 and len(ears.samples("home-2")) == 6)
    for name in ("home-1", "home-2"):
        clock = [sample["at"][11:16] for sample in ears.samples(name)]
        assert clock == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_the_account_tells_what_became_of_every_row(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(METERS + '[signals.water_l]\ncolumn = "l"\n')
    rows = ("1,2026-01-01 00:00:00,5", "1,yesterday,6", "1,2026-01-01 01:00:00,much", "2,2026-01-01 01:00:00,5", "3,x")
    path = recording(tmp_path, *rows, "2,2026-01-01 01:00:00,5", header="meter,ts,l")
    account = tmp_path / "account.json"
    code, _, complaints = replayed(
        simulator,
        desk,
        tenant,
        path,
        "--mapping",
        str(mapping),
        "--account",
        str(account),
        "--samples-per-message",
        "1",
    )
    assert code == 0, complaints
    devices = json.loads(account.read_text())["devices"]
    told = {name: (one["rows"], one["sent"], one["messages"], one["acknowledged"]) for name, one in devices.items()}
    assert told == {"home-1": (3, 2, 2, 2), "home-2": (2, 2, 2, 2), "": (1, 0, 0, 0)}
    assert devices["home-1"]["not_sent"] == {"the time cannot be read": 1}
    assert devices["home-1"]["bad_values"] == {"l": 1}
    assert devices["home-2"]["same_time"] == 1
    assert devices[""]["not_sent"] == {"the row is not one": 1}


def test_the_pace_follows_the_recording_when_asked(
    simulator: Start, desk: EnrolmentDesk, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    path = recording(tmp_path)
    _, said, _ = replayed(simulator, desk, tenant, path, "--device", "slow", "--speed", "10")
    took = re.search(r"in ([\d.]+) s ", said)
    assert took
    assert 2.0 <= float(took[1]) < 6.0


def test_credentials_may_be_brought_along(
    simulator: Start, enrolment: Enrolment, ears: Ears, tenant: str, tmp_path: Path
) -> None:
    identity = enrolment.enrol(roster(breed_of("electric_vehicle"), 1, tenant, 1)[0])
    kept = tmp_path / "credentials.json"
    kept.write_text(identity.model_dump_json())
    process = simulator("replay", str(recording(tmp_path)), "--credentials", str(kept))
    assert process.wait(timeout=30) == 0
    wait_until(lambda: len(ears.samples("ev-0001")) == 3)
    assert json.loads(kept.read_text())["boot"] == 1


@pytest.mark.parametrize(
    ("header", "mapping", "complaint"),
    [
        ("a,b", None, "No shipped mapping fits the columns 'a', 'b'.*--mapping"),
        ("a,b", '[time]\ncolumn = "a"\n[signals]\n', "maps no signal"),
        ("a,b", '[time]\ncolumn = "a"\n[signals.soc_pct]\ncolumn = "c"\n', "has no column 'c'.*it has 'a', 'b'"),
        (
            "a,b",
            '[time]\ncolumn = "a"\n[signals.charge]\ncolumn = "b"\n',
            "does not have: charge. It has pack_voltage_v",
        ),
        ("a,b", '[time]\ncolumn = "a"\nzone = "Mars"\n[signals.soc_pct]\ncolumn = "b"\n', "no time zone 'Mars'"),
        ("a,b", '[time]\ncolumn = "a"\n[signals.soc_pct]\ncolum = "b"\n', "signals.soc_pct.colum: Extra"),
        ("a,b", '[time]\ncolumn = "a"\n[signals.cell_voltages_v]\ncolumn = "b"\n', "needs 'columns' with a pattern"),
        ("a,b", '[time]\ncolumn = "a"\n[signals.soc_pct]\ncolumn = "b"\n', "None of the 1 rows.*line 2 says 'x'"),
        ("a,b", 'product = "toaster"\n[time]\ncolumn = "a"\n[signals.x]\ncolumn = "b"\n', "no product type 'toaster'"),
        (
            "a,b",
            '[time]\ncolumn = "a"\n[signals.cell_voltages_v]\ncolumns = "V_{n}"\nis_use = true\n',
            "takes one of 'columns', 'is_use' and 'rise_by'",
        ),
        ("a,b", "time = [", "is not TOML"),
        ("", None, "is empty"),
    ],
)
def test_a_recording_or_mapping_that_does_not_fit_is_explained(
    header: str, mapping: str | None, complaint: str, tmp_path: Path
) -> None:
    path = recording(tmp_path, "x,1", header=header)
    own = tmp_path / "own.toml"
    own.write_text(mapping or "")
    with pytest.raises(SimulatorError, match=complaint):
        survey(path, read_mapping(own) if mapping is not None else None, ProgressLine())


def test_nothing_is_enrolled_before_it_is_known_that_it_can_be_read(
    simulator: Start, desk: EnrolmentDesk, tenant: str, tmp_path: Path
) -> None:
    code, _, complaints = replayed(simulator, desk, tenant, recording(tmp_path, "x,1", header="a,b"))
    assert code == 1
    assert "error: No shipped mapping fits" in complaints
    assert "Traceback" not in complaints
    assert desk.devices == {}
