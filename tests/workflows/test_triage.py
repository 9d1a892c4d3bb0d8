"""Triage: what follows from a diagnosis, given what is open."""

from devices.products import product_type
from diagnostics.diagnosis import Diagnosis, Evidence, diagnose
from workflows.triage import Amend, Open, OpenRequest, Queue, Release, triage

EV = product_type("electric_vehicle")


def diagnosis(*monitors: str, component: str = "traction_battery") -> Diagnosis:
    everything = [monitor.name for monitor in EV.monitors]
    found = diagnose(EV, component, [Evidence(i, name, 0, i) for i, name in enumerate(monitors)], everything)
    assert found is not None
    return found


def present(*, is_held: bool = False, touched: bool = False, queues: frozenset[Queue] = frozenset()) -> OpenRequest:
    return OpenRequest("weak_cell", is_held=is_held, is_touched_by_a_person=touched, queues=queues)


def test_a_sure_diagnosis_opens_a_request_without_a_human() -> None:
    assert triage(EV, diagnosis("cell_leaves_pack"), None) == Open("weak_cell", None)


def test_not_sure_opens_a_request_with_a_judgement_case() -> None:
    decision = triage(EV, diagnosis("warning_level_2"), None)
    assert isinstance(decision, Open)
    assert decision.case is not None
    assert decision.case.queue is Queue.JUDGEMENT


def test_safety_opens_a_safety_case() -> None:
    decision = triage(EV, diagnosis("battery_failing", "battery_hot"), None)
    assert isinstance(decision, Open)
    assert decision.case is not None
    assert decision.case.queue is Queue.SAFETY


def test_a_later_sure_diagnosis_only_amends_an_offer() -> None:
    assert triage(EV, diagnosis("cell_leaves_pack"), present()) == Amend("weak_cell", None)


def test_a_later_safety_symptom_brings_a_human_once() -> None:
    decision = triage(EV, diagnosis("cell_leaves_pack", "warning_level_3"), present())
    assert isinstance(decision, Amend)
    assert decision.case is not None
    assert decision.case.queue is Queue.SAFETY
    again = triage(EV, diagnosis("cell_leaves_pack", "warning_level_3"), present(queues=frozenset({Queue.SAFETY})))
    assert again == Amend("weak_cell", None)


def test_evidence_that_makes_a_doubtful_case_sure_lets_it_go_on() -> None:
    held = present(is_held=True, queues=frozenset({Queue.JUDGEMENT}))
    assert triage(EV, diagnosis("cell_leaves_pack", "warning_level_2"), held) == Release("weak_cell")


def test_what_a_person_has_put_on_hold_stays_with_him() -> None:
    held = present(is_held=True, touched=True, queues=frozenset({Queue.JUDGEMENT}))
    assert triage(EV, diagnosis("cell_leaves_pack"), held) == Amend("weak_cell", None)
