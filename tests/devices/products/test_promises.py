"""What a product's README promises, held to the code and to simulated devices, for each folder of products."""

import re
from datetime import UTC, datetime
from math import isfinite

import pytest

from devices.faults import Fulfilment
from devices.monitors import (
    Drift,
    Limit,
    MinimumFlow,
    Misread,
    Monitor,
    Peer,
    Register,
    Reported,
    Shift,
    Silence,
    Step,
    Stuck,
)
from devices.product import ProductType
from gateway.evaluate.markdown import BEGIN, END
from gateway.evaluate.products import tried_faults
from gateway.evaluate.trial_tables import kept, span
from gateway.evaluate.trials import load_trials
from simulators.kinds import kinds_of
from tests.devices.products.recordings import PRODUCTS, folder
from tests.devices.products.street import watch_healthy

DEVICES_OF_A_KIND = 3
WINTER_AT = datetime(2026, 1, 5, tzinfo=UTC)


# ------------------------------------------------------------------ the product's README


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_names_every_signal_monitor_fault_and_the_declared_rate(product: ProductType) -> None:
    text = (folder(product) / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([^`]+)`", text))
    monitors = [monitor.name for monitor in product.monitors]
    missing = [name for name in (*product.signals, *monitors, *product.faults) if name not in named]
    assert missing == []
    assert f"{product.false_requests_per_device_year:g} false requests per device and year" in text


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_says_where_each_fault_is_mended_how_long_it_takes_and_with_what(product: ProductType) -> None:
    lines = (folder(product) / "README.md").read_text("utf-8").splitlines()
    for remedy in product.remedies.values():
        rows = [line for line in lines if line.startswith(f"| `{remedy.fault}` |") and remedy.title in line]
        if remedy.why_none:
            continue
        (row,) = rows
        assert f"{remedy.minutes} min" in row
        assert all(f"`{part_no}`" in row for part_no in remedy.part_nos)
        if remedy.fulfilment is Fulfilment.VISIT:
            assert "visit" in row
            assert all(f"`{skill}`" in row for skill in remedy.skills)
        else:
            assert any(line.startswith("Every remedy is a drop-off") for line in lines)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_gives_each_limit_as_it_is(product: ProductType) -> None:
    lines = (folder(product) / "README.md").read_text("utf-8").splitlines()
    for monitor in product.monitors:
        # A kind of fault may bear the same name in another table; this one has eight columns.
        rows = [line for line in lines if line.startswith(f"| `{monitor.name}` |") and line.count(" |") == 8]
        assert len(rows) == 1, f"{monitor.name} has {len(rows)} rows in the table of monitors"
        assert not missing_in_row(monitor, rows[0]), (
            f"{monitor.name}: {rows[0]} lacks {missing_in_row(monitor, rows[0])}"
        )


def missing_in_row(monitor: Monitor, row: str) -> list[str]:
    wanted = ["safety"] if monitor.is_safety else []
    match monitor:
        case Reported():
            wanted += sorted(monitor.codes)
        case Limit() | Peer() | Register() | MinimumFlow():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", duration(monitor.on_delay_s)]
            wanted += [duration(monitor.off_delay_s)]
        case Drift():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.learn:g}", duration(monitor.on_delay_s)]
        case Step():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.before:g}", f"{monitor.after:g}"]
        case Shift():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.learn:g}", f"{monitor.shift:g}"]
        case Stuck():
            wanted += [f"{monitor.limit:g}", f"{monitor.factor:g}", duration(monitor.off_delay_s)]
            wanted += [f"{monitor.at_most:g}"] if isfinite(monitor.at_most) else []
        case Misread():
            wanted += [f"{milli * 1000:g}" for milli in (monitor.stands, monitor.jumps, monitor.per_h)]
            wanted += [duration(monitor.on_delay_s), duration(monitor.off_delay_s)]
        case Silence():
            wanted += [duration(monitor.after_s), duration(monitor.off_delay_s)]
    return [piece for piece in wanted if not re.search(rf"(?<![\w.]){re.escape(piece)}(?![\w.]\d?)", row)]


def duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


# ------------------------------------------------------------------ trust


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_kind_of_fault_that_can_be_simulated_is_tried(product: ProductType) -> None:
    plan = load_trials(product)
    assert {trial.kind for trial in plan.trial if trial.kind} == set(kinds_of(product.name))


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_states_what_came_of_each_trial_and_of_sound_devices(product: ProductType) -> None:
    text = (folder(product) / "README.md").read_text("utf-8")
    measured = text[text.index(BEGIN) : text.index(END)].splitlines()
    for fault in product.faults:
        assert any(line.startswith(f"| `{fault}` |") for line in measured), f"{fault} has no row"
    for trial in load_trials(product).trial:
        rows = [line for line in measured if line.startswith(f"| `{trial.fault}` | `{trial.kind}`")]
        assert any(f" {trial.severity:g} " in line or trial.severity == 1 for line in rows), trial
        promised = [span(trial.within.total_seconds() / 3600)] if trial.within else []
        assert all(any(f"| {said}" in line for line in rows) for said in promised), trial
    assert any(line.startswith("| requests by itself |") for line in measured)


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_healthy_devices_open_no_more_requests_than_declared(product: ProductType) -> None:
    told, device_days = watch_healthy(product, WINTER_AT, seed=20261121)
    requests = {(each.device, each.component) for each in told}
    allowed = product.false_requests_per_device_year * device_days / 365.25
    assert len(requests) <= allowed, f"{len(requests)} false requests, {allowed:.2f} declared: {told}"


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_simulated_fault_is_found_within_its_promised_delay_and_leads(product: ProductType) -> None:
    plan = load_trials(product)
    few = plan.model_copy(
        update={
            "devices": DEVICES_OF_A_KIND,
            "trial": [trial for trial in plan.trial if trial.within is not None],
        }
    )
    late: list[str] = []
    for one in tried_faults(product, few, lambda what, done, of: None):
        leads = sum(case.fault in {one.trial.fault, *one.trial.also} for case in one.cases)
        if kept(one) != len(one.cases) or leads != len(one.cases):
            late.append(f"{one.trial.fault}, {one.trial.kind}: {[(case.delay_h, case.fault) for case in one.cases]}")
    assert not late, "\n".join(late)
