"""Diagnosis: ranked hypotheses, and the courage to say "not sure"."""

from collections.abc import Collection

import pytest

from devices.chatter import unsteady
from devices.products import product_type
from diagnostics.diagnosis import UNSTEADY, Diagnosis, Evidence, Verdict, diagnose

EV = product_type("electric_vehicle")
ALL = frozenset(monitor.name for monitor in EV.monitors)


def diagnosed(*monitors: str, component: str = "traction_battery", well: Collection[str] = ALL) -> Diagnosis:
    """Return the diagnosis of a component of which all else is known to be well, unless it is said what is."""
    found = diagnose(EV, component, [Evidence(i, name, 0, 1000 + i) for i, name in enumerate(monitors)], well)
    assert found is not None
    return found


def test_no_evidence_is_no_diagnosis() -> None:
    assert diagnose(EV, "traction_battery", []) is None


def test_a_cell_that_leaves_its_pack_is_a_sure_diagnosis() -> None:
    found = diagnosed("cell_leaves_pack")
    assert (found.leading.fault, found.verdict) == ("weak_cell", Verdict.SURE)


def test_the_vehicles_own_warning_alone_is_not_enough() -> None:
    assert diagnosed("warning_level_2").verdict is Verdict.UNSURE


def test_a_pack_that_fails_on_several_channels_is_a_safety_matter_with_its_name() -> None:
    found = diagnosed("battery_failing", "battery_hot", "cell_too_low", "cell_too_high")
    assert (found.leading.fault, found.verdict) == ("thermal_event", Verdict.SAFETY)


def test_a_monitor_that_chatters_is_a_diagnosis_of_its_own_for_a_person() -> None:
    found = diagnosed(unsteady("cell_leaves_pack"))
    assert (found.leading.fault, found.verdict) == (UNSTEADY, Verdict.UNSURE)


def test_beside_one_that_chatters_nothing_opens_by_itself_and_a_danger_stays_one() -> None:
    found = diagnosed("cell_leaves_pack", unsteady("cells_missing"))
    assert (found.leading.fault, found.verdict) == ("weak_cell", Verdict.UNSURE)
    assert [piece.monitor for piece in found.leading.unexplained] == [unsteady("cells_missing")]
    assert diagnosed("battery_hot", unsteady("cells_missing")).verdict is Verdict.SAFETY


def test_one_that_chatters_is_not_well_however_it_stands_and_the_others_are_what_they_are() -> None:
    for seen in (["cell_leaves_pack", unsteady("cells_missing")], [unsteady("cells_missing")]):
        well = diagnosed(*seen, well={"cells_missing", "battery_hot", "tyre_soft"}).well
        assert list(well) == ["battery_hot"]


@pytest.mark.parametrize(
    "monitor", ["battery_failing", "insulation_lost", "isolation_code", "warning_level_3", "cell_too_high"]
)
def test_a_safety_symptom_goes_to_a_human_whatever_its_cause(monitor: str) -> None:
    assert diagnosed(monitor).verdict is Verdict.SAFETY
    assert diagnosed(monitor, "cell_leaves_pack").verdict is Verdict.SAFETY


def test_probabilities_add_up_to_one_and_are_ranked() -> None:
    found = diagnosed("cell_leaves_pack", "warning_level_2")
    probabilities = [hypothesis.probability for hypothesis in found.hypotheses]
    assert sum(probabilities) == pytest.approx(1.0)
    assert probabilities == sorted(probabilities, reverse=True)


def test_evidence_against_names_what_is_missing_and_what_is_unexplained() -> None:
    found = diagnosed("cell_leaves_pack")
    insulation = next(h for h in found.hypotheses if h.fault == "insulation_breakdown")
    assert "insulation_low" in insulation.missing
    assert [piece.monitor for piece in insulation.unexplained] == ["cell_leaves_pack"]


def test_the_onset_is_that_of_the_leading_hypothesis_evidence() -> None:
    evidence = [Evidence(1, "battery_hot", 0, 500), Evidence(2, "cell_leaves_pack", 3, 900)]
    found = diagnose(EV, "traction_battery", evidence)
    assert found is not None
    expected = min(piece.since_us for piece in found.leading.evidence_for)
    assert found.since_us == expected


def test_a_fault_without_an_automatic_remedy_is_never_sure() -> None:
    assert diagnosed("other_code", component="vehicle").verdict is Verdict.UNSURE


def test_a_monitor_that_is_not_known_to_be_well_speaks_neither_for_nor_against() -> None:
    seen, known = (probabilities(diagnosed("warning_level_2", well=well)) for well in (ALL, ()))
    assert diagnosed("warning_level_2", well=()).well == []
    # Only the symptom itself tells them apart: prior by prior, share by share, softened as the product's cases ask for.
    insulation, line = EV.faults["insulation_breakdown"], EV.faults["cell_measuring_line"]
    odds = insulation.prior * insulation.shows["warning_level_2"] / (line.prior * line.shows["warning_level_2"])
    found = known["insulation_breakdown"] / known["cell_measuring_line"]
    assert found == pytest.approx(odds ** (1 / EV.reliability.temperature))
    assert known["insulation_breakdown"] > seen["insulation_breakdown"]


def test_against_a_fault_is_only_named_what_is_known_to_be_well() -> None:
    found = diagnosed("warning_level_2", well={"insulation_low"})
    insulation = next(each for each in found.hypotheses if each.fault == "insulation_breakdown")
    assert list(insulation.missing) == ["insulation_low"]


def probabilities(found: Diagnosis) -> dict[str, float]:
    return {each.fault: each.probability for each in found.hypotheses}


def test_what_is_well_elsewhere_says_nothing_about_a_component() -> None:
    assert diagnosed("coolant_hot", component="cooling", well={"tyre_soft"}).well == []


def test_the_most_telling_of_what_is_well_is_named_first_against_a_fault() -> None:
    thermal = {each.fault: each for each in diagnosed("warning_level_2").hypotheses}["thermal_event"]
    assert list(thermal.missing[:2]) == ["battery_hot", "battery_failing"]


def test_what_is_not_known_can_make_a_danger_that_what_is_well_would_rule_out() -> None:
    assert diagnosed("warning_level_2", well=()).verdict is Verdict.SAFETY
