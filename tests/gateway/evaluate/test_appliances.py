"""The set of appliances: an unseen brand, the device's own healthy days, and who is asked when nobody can be sure."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from diagnostics.labeller import Labeller
from diagnostics.prolongation import FACTORS, expected
from gateway.evaluate.appliances import evaluate, tell
from gateway.evaluate.brands import lessons
from gateway.evaluate.loads import Day, cropped, fault_name, read
from gateway.evaluate.prolongations import said_by
from gateway.evaluate.report import EvaluateError, Options
from gateway.evaluate.training import appliances
from gateway.learning.models import content_of, load, save
from gateway.settings import CHECKOUT
from tests.gateway.evaluate.test_run import silent

DATA = CHECKOUT.parent / "shared" / "data" / "appliance_power"
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
FAULTS = {"Normal": 1.0, "anomaly_Minor": 1.2, "anomaly_Major": 1.6}


def power(longer: float, seed: int, minutes: int = 1440) -> np.ndarray:
    """A day of work for about twenty minutes in every eighty, each phase longer by a factor."""
    chance, day = np.random.default_rng(seed), np.full(minutes, 2.0)
    begin = int(chance.integers(5, 60))
    while begin < minutes:
        length = round(20 * longer * chance.uniform(0.97, 1.03))
        day[begin : begin + length] = 100 + chance.normal(0, 1, len(day[begin : begin + length]))
        begin += length + 60
    return day


def days_of(devices: tuple[str, ...], faults: dict[str, float] = FAULTS, count: int = 8) -> list[Day]:
    return [
        Day(device, fault_name(fault), f"{device} {number}", 1440 * (1000 + 40 * place + 3 * number), power(longer, 100 * place + number))
        for device in devices
        for place, (fault, longer) in enumerate(faults.items())
        for number in range(count)
    ]  # fmt: skip


def written(folder: Path, days: list[Day]) -> Path:
    with (folder / "appliance_minutes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["device", "fault", "day", "ctime", "activePower", "label"])
        for day in days:
            begin = datetime.fromtimestamp(day.begin_min * 60, UTC)
            writer.writerows(
                [day.device, day.fault, day.name, f"{begin + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}", watts, 0]
                for minute, watts in enumerate(day.power_w.tolist())
            )
    return folder


BRANDS = ("Fridge_1", "Fridge_2", "Heater_1", "Heater_2")


def test_a_clear_fault_of_a_brand_that_nobody_has_seen_opens_by_itself_and_is_right(tmp_path: Path) -> None:
    report = evaluate(written(tmp_path, days_of(BRANDS)), Options(), silent)
    metrics = report.metrics
    assert metrics["days_of_unseen_brands"] == metrics["days"] == 96
    assert metrics["top_1"] == metrics["precision_automatic"] == 1.0
    assert metrics["requests_on_healthy_days"] == 0
    assert metrics["major"]["top_3"] == 1.0
    assert metrics["fridge"]["share_sent_to_human"] < 0.5
    assert report.plots[0].svg.count("<circle") + report.plots[0].svg.count("<path") > 4


def test_a_label_that_the_other_brand_never_had_is_one_that_missed(tmp_path: Path) -> None:
    days = days_of(BRANDS) + days_of(("Fridge_2",), {"anomaly_Odd": 1.9})
    told = [one for one in tell(days, said_by(days), silent) if one.day.fault == "odd"]
    assert {one.rank for one in told} == {0}
    assert not any(one.is_covered for one in told)


def test_two_names_for_the_same_thing_go_to_a_human_who_is_given_both() -> None:
    days = days_of(BRANDS, {"Normal": 1.0, "anomaly_Left": 1.4, "anomaly_Right": 1.4})
    told = tell(days, said_by(days), silent)
    assert np.mean([one.automatic is None for one in told if one.day.fault != "normal"]) > 0.8
    assert np.mean([one.is_covered for one in told]) > 0.8
    assert all(one.rank <= 2 for one in told if one.day.fault != "normal")


def test_a_day_is_never_held_against_itself_or_what_was_made_from_it() -> None:
    days = days_of(("Fridge_1",), {"Normal": 1.0}, 1)
    twin = Day("Fridge_1", "minor", "twin", days[0].begin_min + 100, power(1.2, 0))
    assert np.isnan(said_by([*days, twin]).told).all()
    later = Day("Fridge_1", "minor", "later", days[0].begin_min + 5000, power(1.2, 3))
    assert np.exp(expected(said_by([*days, later]).told[1:])) == pytest.approx(1.2, abs=0.05)


def test_what_a_label_does_is_learned_from_the_very_day_without_it() -> None:
    days = days_of(("Fridge_1",), {"Normal": 1.0}, 3)
    twin = Day("Fridge_1", "minor", "twin", days[0].begin_min, power(1.4, 0))
    alone = Day("Fridge_1", "minor", "alone", days[0].begin_min + 100_000, power(1.4, 5))
    said = said_by([*days, twin, alone])
    healthy, same, other = (np.exp(expected(said.taught[places])) for places in (slice(3), [3], [4]))
    assert healthy == pytest.approx(1.0)
    assert same == pytest.approx(1.4, abs=0.03)
    assert other == pytest.approx(1.4, abs=0.06)
    assert np.array_equal(said.taught[4], said.told[4])


def test_a_device_without_another_of_its_kind_is_taught_by_its_own_other_dates() -> None:
    days = days_of(("Fridge_1", "Heater_1"))
    plan = lessons(days)
    assert {lesson.is_unseen for lesson in plan} == {False}
    for lesson in plan:
        dates = [{days[place].begin_min // 1440 for place in places.tolist()} for places in (lesson.of, lesson.learned)]
        assert not dates[0] & dates[1]
    told = tell(days, said_by(days), silent)
    assert len(told) == len(days)
    assert np.mean([one.rank == 1 for one in told]) > 0.9


def test_a_set_of_one_kind_is_calibrated_within_what_it_learns_from() -> None:
    days = days_of(("Fridge_1", "Fridge_2"))
    told = tell(days, said_by(days), silent)
    assert np.mean([one.is_covered for one in told]) >= 0.85


def test_a_device_without_healthy_days_or_with_one_label_is_a_human_s() -> None:
    days = days_of(BRANDS, {"anomaly_Minor": 1.2, "anomaly_Major": 1.6})
    assert np.isnan(said_by(days).told).all()
    assert {one.automatic for one in tell(days, said_by(days), silent)} == {None}
    only = days_of(BRANDS, {"Normal": 1.0})
    assert {one.automatic for one in tell(only, said_by(only), silent)} == {None}


def test_clocks_of_both_forms_are_read_and_only_the_first_24_hours_of_a_day_are_taken(tmp_path: Path) -> None:
    day = Day("Fridge_1", "minor", "d", 26_297_280, power(1.0, 1, 1700))
    (found,) = read(written(tmp_path, [day]))
    assert len(found.power_w) == 1440
    assert found.begin_min == day.begin_min
    text = (
        "device,fault,day,ctime,activePower\nFridge_1,Normal,d,1/2/2020 0:05,7\nFridge_1,Normal,d,1/2/2020 00:07,-3\n"
    )
    (tmp_path / "appliance_minutes.csv").write_text(text + "Fridge_1,Normal,d,soon,7\n")
    (found,) = read(tmp_path)
    assert found.begin_min == int(datetime(2020, 1, 2, 0, 5, tzinfo=UTC).timestamp()) // 60
    assert np.array_equal(found.power_w, [7.0, np.nan, np.nan], equal_nan=True)


def test_a_crop_cuts_a_day_or_lets_it_rest_longer_at_first() -> None:
    (day, *_) = days_of(("Fridge_1",))
    starts = [cropped(day, seed).begin_min - day.begin_min for seed in range(20)]
    assert min(starts) < 0 < max(starts)
    for seed in range(20):
        cut = cropped(day, seed)
        ahead = max(0, day.begin_min - cut.begin_min)
        assert (cut.power_w[:ahead] == 2.0).all()
        assert cut.begin_min + len(cut.power_w) <= day.begin_min + 1440
    assert cropped(day, None) is day


def test_labels_and_files_without_times_are_refused_with_the_next_move(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="have their faults beside them"):
        evaluate(tmp_path, Options(labels=tmp_path), silent)
    (tmp_path / "a.csv").write_text("device,fault,day,ctime,activePower\nFridge_1,Normal,d,soon,7\n")
    with pytest.raises(EvaluateError, match="no row with a device, a fault and a time"):
        evaluate(tmp_path, Options(), silent)


def test_the_model_of_each_kind_is_stored_with_its_card_and_says_the_same_when_read_back(tmp_path: Path) -> None:
    made = appliances(written(tmp_path, days_of(BRANDS)), silent)
    assert [card.name for _, card in made] == ["appliances_fridge", "appliances_heater"]
    for content, card in made:
        save(tmp_path / "models", content, card)
        labeller, again = load(tmp_path / "models", card.name, Labeller.of)
        assert again.model_dump_json() == card.model_dump_json()
        assert card.labels == ["major", "minor", "normal"]
        rows = -0.5 * ((FACTORS[None, :] - np.log([[1.6], [1.2], [1.0]])) / 0.02) ** 2
        assert labeller.probabilities(rows).argmax(axis=1).tolist() == [0, 1, 2]
        assert content_of(labeller)[1] == card.sha256
    (tmp_path / "appliance_minutes.csv").unlink()
    with pytest.raises(EvaluateError, match="Nothing can be learned"):
        appliances(written(tmp_path, days_of(BRANDS, {"Normal": 1.0})), silent)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the days of eight real appliances are not beside the checkout")
@pytest.mark.parametrize("seed", [None, 3])
def test_on_real_appliances_what_opens_by_itself_is_right_and_sets_hold_what_was_stated(seed: int | None) -> None:
    metrics = evaluate(DATA, Options(crop_seed=seed), silent).metrics
    assert metrics["top_1"] > 0.3
    assert metrics["top_3"] > 0.6
    assert metrics["coverage"] > 0.87
    assert metrics["automatic"] >= 12
    assert metrics["precision_automatic"] >= 0.9
    assert metrics["requests_on_healthy_days"] == 0
