"""Label sets of a diagnosis: one label may act by itself, several or none are for a person."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.products import product_type
from devices.reliability import Reliability
from diagnostics.diagnosis import Diagnosis, Evidence, Verdict, diagnose
from diagnostics.labels import believed

BARE = replace(product_type("electric_vehicle"), reliability=Reliability())


def diagnosed(reliability: Reliability) -> Diagnosis:
    product = replace(BARE, reliability=reliability)
    everything = [monitor.name for monitor in product.monitors]
    found = diagnose(product, "traction_battery", [Evidence(1, "cell_leaves_pack", 3, 1)], everything)
    assert found is not None
    return found


def test_one_label_acts_by_itself() -> None:
    # The cell's measuring board stays possible at three in a hundred: a weak cell is believed by 96 in a hundred.
    found = diagnosed(Reliability(coverage=0.9, scores=(0.05,) * 30))
    assert (list(found.labels), found.verdict) == (["weak_cell"], Verdict.SURE)


def test_several_labels_are_for_a_person_however_probable_the_first_is() -> None:
    found = diagnosed(Reliability(coverage=0.9, scores=(0.9999,) * 30))
    assert found.labels[0] == "weak_cell"
    assert len(found.labels) > 1
    assert (found.leading.probability >= 0.8, found.verdict) == (True, Verdict.UNSURE)


def test_no_label_is_for_a_person() -> None:
    found = diagnosed(Reliability(coverage=0.9, scores=(0.0,) * 30))
    assert (list(found.labels), found.verdict) == ([], Verdict.UNSURE)


def test_too_few_cases_for_the_coverage_rule_nothing_out() -> None:
    found = diagnosed(Reliability(coverage=0.95, scores=(0.01,) * 5))
    assert len(found.labels) == len(found.hypotheses)
    assert found.verdict is Verdict.UNSURE


def test_a_temperature_over_one_makes_the_sure_doubtful() -> None:
    sure, doubtful = (diagnosed(Reliability(temperature=t)) for t in (1.0, 4.0))
    assert sure.leading.probability > 0.8 > doubtful.leading.probability
    assert (sure.verdict, doubtful.verdict) == (Verdict.SURE, Verdict.UNSURE)


@given(
    weights=st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-30, 1.0), min_size=1, max_size=8),
    temperature=st.floats(0.5, 8.0),
)
def test_what_is_believed_adds_up_to_one_and_keeps_its_order(weights: dict[str, float], temperature: float) -> None:
    believes = believed(weights, temperature)
    assert sum(believes.values()) == pytest.approx(1.0)
    for one in weights:
        assert all(believes[one] >= believes[other] for other in weights if weights[one] > weights[other])
