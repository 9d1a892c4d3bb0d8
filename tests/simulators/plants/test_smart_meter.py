"""The meters' physics: registers that only grow, households that sleep, and the same seed that gives the same meters."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.products.smart_meter.signals import SIGNALS
from devices.signals import Kind
from simulators.kinds import kinds_of
from simulators.plants.meter_strain import MeterStrain
from simulators.plants.smart_meter import Sample, Site, SmartMeters

START_AT = datetime(2026, 3, 2, tzinfo=UTC)
SITES = [
    Site(ZoneInfo("Asia/Seoul"), 37.5, 220.0, has_heat=True),
    Site(ZoneInfo("Asia/Tokyo"), 35.7, 100.0, has_heat=True),
]
KINDS = kinds_of("smart_meter")


def lived(hours: int, kind: str = "", *, seed: int = 3, count: int = 20, step_s: float = 3600.0) -> list[list[Sample]]:
    """Samples by time and meter; with a kind of fault in the first meter from half of the time on."""
    plant = SmartMeters((SITES * count)[:count], seed)
    rows: list[list[Sample]] = []
    at = START_AT
    onset_at = START_AT + timedelta(hours=hours / 2)
    while at < START_AT + timedelta(hours=hours):
        at += timedelta(seconds=step_s)
        strain = MeterStrain.none(count)
        if kind and at >= onset_at:
            KINDS[kind].act(strain, 0, 0, KINDS[kind].usual, (at - onset_at).total_seconds() / 3600)
        plant.step(step_s, at, strain)
        rows.append(plant.samples())
    return rows


@pytest.fixture(scope="module")
def fortnight() -> list[list[Sample]]:
    return lived(14 * 24)


def numbers(rows: list[list[Sample]], signal: str) -> np.ndarray:
    return np.array([[sample[signal] for sample in row] for row in rows], dtype=float)


def test_registers_of_sound_meters_never_go_back_and_are_whole(fortnight: list[list[Sample]]) -> None:
    for signal in SIGNALS.values():
        if signal.kind is Kind.COUNTER:
            register = numbers(fortnight, signal.name)
            assert (np.diff(register, axis=0) >= 0).all(), signal.name
            assert (register == np.floor(register)).all(), signal.name


def test_every_signal_stays_where_its_declaration_says(fortnight: list[list[Sample]]) -> None:
    for name in fortnight[0][0]:
        low, high = SIGNALS[name].plausible
        values = np.hstack([np.ravel(sample[name]) for row in fortnight for sample in row]).astype(float)
        assert low <= values.min(), name
        assert values.max() <= high, name


def test_households_use_what_households_use(fortnight: list[list[Sample]]) -> None:
    water_l_per_day = (numbers(fortnight, "water_l")[-1] - numbers(fortnight, "water_l")[0]) / 14
    power_kwh_per_day = (numbers(fortnight, "import_wh")[-1] - numbers(fortnight, "import_wh")[0]) / 14_000
    assert 80 < np.median(water_l_per_day) < 600
    assert 2 < np.median(power_kwh_per_day) < 25


def test_people_sleep_so_that_sound_pipes_rest_in_most_nights(fortnight: list[list[Sample]]) -> None:
    used = np.diff(numbers(fortnight, "water_l"), axis=0)
    rests_per_day = (used == 0).sum(axis=0) / 14
    assert (rests_per_day > 1).all()


def test_tariffs_add_up_to_the_total_but_for_a_unit(fortnight: list[list[Sample]]) -> None:
    parts = numbers(fortnight, "import_tariff1_wh") + numbers(fortnight, "import_tariff2_wh")
    assert np.abs(numbers(fortnight, "import_wh") - parts).max() <= 1


def test_a_register_goes_on_through_zero_after_its_last_digit() -> None:
    plant = SmartMeters(SITES, 1)
    plant.counted.water_l[:] = 10**8 - 1
    for day in range(1, 4):
        plant.step(86_400.0, START_AT + timedelta(days=day), MeterStrain.none(2))
    assert all(0 <= int(str(sample["water_l"])) < 50_000 for sample in plant.samples())


def test_the_same_seed_gives_the_same_meters_and_another_one_others() -> None:
    assert lived(24) == lived(24)
    assert lived(24) != lived(24, seed=4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_shows_on_the_signals_that_it_names_and_on_no_other_meter(kind: str) -> None:
    ill, well = lived(48, kind, count=4), lived(48, count=4)
    shown = {name for name in ill[-1][0] if ill[-1][0][name] != well[-1][0][name]}
    named = set(KINDS[kind].signals) - {"event_codes"}
    if not named:
        # An event or silence is no signal.
        assert not shown
        return
    assert named & shown, f"{kind} is said to show on {named}, and shows on {shown}"
    assert [row[1:] for row in ill] == [row[1:] for row in well]
