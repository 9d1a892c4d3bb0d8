"""`callout evaluate products`: simulated devices with faults, found or not, told as tables and written into a document."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.product import ProductType
from devices.products import product_type
from diagnostics.watch import SymptomChange, Watch
from gateway.cli.app import app
from gateway.evaluate.desk import Desk
from gateway.evaluate.markdown import BEGIN, END, put
from gateway.evaluate.products import evaluate
from gateway.evaluate.report import EvaluateError, Options, Table
from gateway.evaluate.run import run
from gateway.evaluate.street import Street
from gateway.evaluate.trials import load_trials
from tests.devices.products.recordings import PRODUCTS

PLAN = """
devices = 2
paces.hourly = { step = "1h", learned_d = 2 }
healthy = { devices = 3, days = 4, pace = "hourly" }
[[trial]]
fault = "water_meter_faulty"
kind = "water_rollback"
severity = 5000
pace = "hourly"
watched_d = 1
within = "1h"
[[trial]]
fault = "water_leak"
kind = "water_leak"
severity = 0.1
pace = "hourly"
watched_d = 1
within = "12h"
[[trial]]
fault = "gas_valve_leaks"
kind = "gas_valve_leak"
severity = 40
pace = "hourly"
watched_d = 1
[[trial]]
fault = "not_heard"
kind = "radio_dead"
severity = 1
pace = "hourly"
watched_d = 2
within = "25h"
[[trial]]
fault = "tampering"
not_simulated = "nobody is that bold"
"""


def silent(what: str, done: float, of: float) -> None:
    """Progress that nobody reads."""


def test_faults_are_found_missed_and_followed_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "smart_meter.toml").write_text(PLAN)
    file = tmp_path / "told.json"
    words = ["evaluate", "products", "--data", str(tmp_path), "--json", str(file)]
    told = CliRunner().invoke(app, words, env={"COLUMNS": "300"}, catch_exceptions=False)
    assert told.exit_code == 0
    figures = json.loads(file.read_text())
    meter = figures["smart_meter"]
    assert meter["water_meter_faulty_water_rollback_5000"] == pytest.approx(
        {"found": 1.0, "within_promised": 1.0, "median_delay_h": 0.5, "longest_delay_h": 0.5, "leads": 1.0}, abs=0.5
    )
    assert meter["water_leak_water_leak_0.1"]["found"] == 0
    assert 23 < meter["not_heard_radio_dead_1"]["longest_delay_h"] < 25
    rows = {row["fault"]: row for row in figures["tables"]["Faults of Smart meter"]}
    assert rows["`water_meter_faulty`"]["what follows"] == "request 2"
    assert rows["`gas_valve_leaks`"]["what follows"] == "safety 2"
    assert rows["`water_leak`"]["promised"] == "12 h: kept 0 of 2 times"
    assert rows["`tampering`"]["cause in the simulator"] == "not simulated: nobody is that bold"
    assert meter["device_years"] == pytest.approx(3 * 4 / 365.25)
    assert meter["false_requests_per_device_year"] == 0


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"water_rollback"', '"sadness"', "no kind|cannot be read: write KIND"),
        ('"water_leak"\nkind', '"sadness"\nkind', "no fault 'sadness'"),
        ('pace = "hourly"\nwatched_d = 1\nwithin = "1h"', 'pace = "daily"\nwithin = "1h"', "no pace 'daily'"),
        ('within = "1h"', 'within = "soon"', "'soon' is no span of time"),
        ('not_simulated = "nobody is that bold"', "", "either a kind or not_simulated"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_the_reason(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    assert old in PLAN
    (tmp_path / "smart_meter.toml").write_text(PLAN.replace(old, new, 1))
    with pytest.raises(EvaluateError, match=complaint):
        evaluate(tmp_path, Options(), silent)


def test_options_that_mean_nothing_for_simulated_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="--crop"):
        run("products", Path(), Options(crop_seed=1), silent)
    with pytest.raises(EvaluateError, match=r"no .*smart_meter\.toml"):
        run("products", tmp_path, Options(), silent)
    (tmp_path / "smart_meter.toml").write_text(PLAN)
    with pytest.raises(EvaluateError, match="--write: what .* plans is not what"):
        run("products", tmp_path, Options(is_written=True), silent)
    told = CliRunner().invoke(app, ["evaluate", "water", "--data", str(tmp_path), "--write"])
    assert "--write: water" in str(told.exception)


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_has_a_plan_with_a_trial_of_every_declared_fault(product: ProductType) -> None:
    tried = {trial.fault for trial in load_trials(product).trial}
    assert tried == set(product.faults)


def test_tables_replace_what_stands_between_their_marks_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    table = Table("T", ("a", "b"), [("x", None)])
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(file, [table])
    once = file.read_text()
    put(file, [table])
    assert once == file.read_text()
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "| x |  |" in once
    assert "old" not in once
    file.write_text("nothing")
    with pytest.raises(EvaluateError, match="no place for tables"):
        put(file, [table])


def test_the_same_seed_records_the_same_devices_and_a_dead_radio_says_nothing() -> None:
    words = ["--product", "electric_vehicle", "--ill", "radio_dead:1:1", "--healthy", "1", "--lasts", "2h"]
    command = [sys.executable, "-m", "simulators", "record", *words]
    first, again = (subprocess.run(command, capture_output=True, check=True, timeout=300).stdout for _ in range(2))
    assert first == again
    other = subprocess.run([*command, "--seed", "2"], capture_output=True, check=True, timeout=300).stdout
    assert first != other
    refused = subprocess.run([*command, "--ill", "sadness:1:1"], capture_output=True, check=False, timeout=300)
    assert refused.returncode != 0
    assert b"write KIND:SEVERITY:COUNT with a kind of electric_vehicle: weak_cell" in refused.stderr


def test_codes_are_told_when_they_change_and_by_nobody_else() -> None:
    hour = timedelta(hours=1)
    with Street("smart_meter", [("own_event", 1.0, 1)], 1, learned=2 * hour, lasts=hour, step=hour, seed=1) as street:
        ill, sound = street.devices()
        assert sound is None
        assert ill is not None
        assert ill.kind == "own_event"
        frames = list(street.frames())
    codes = [frame.columns(product_type("smart_meter")).codes("event_codes") for frame in frames]
    assert codes[0] == [None, None]
    assert [row for row in codes if row[0] is not None] == [[frozenset({"WATCHDOG_ERROR"}), None]]


def test_a_request_whose_symptoms_have_gone_is_closed_only_where_that_is_asked_for() -> None:
    def change(phase: str) -> SymptomChange:
        return SymptomChange(0, 1, "water_back", 0, phase, 0, 1.0, 1.0, "")  # pyright: ignore[reportArgumentType]

    for closes, requests in ((True, 2), (False, 1)):
        product = product_type("smart_meter")
        desk = Desk(product, Watch(product), closes_when_well=closes)
        decisions = [desk.take(change(phase), 0) for phase in ("confirmed", "healed", "confirmed")]
        assert sum(one is not None and one.is_new for one in decisions) == requests
