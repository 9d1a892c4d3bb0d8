"""Whether a promised time suffices."""

from datetime import timedelta

import pytest

from devices.faults import Fulfilment, Remedy
from workflows.fitting import Misfit, Promised, misfit

WORK = Remedy("x", "", skills=frozenset({"hoist"}), minutes=90, fulfilment=Fulfilment.DROP_OFF)
ENOUGH = Promised(is_visit=False, skills=frozenset({"hoist", "high_voltage"}), lasts=timedelta(minutes=90))


@pytest.mark.parametrize(
    ("promised", "why"),
    [
        (ENOUGH, None),
        (Promised(True, ENOUGH.skills, ENOUGH.lasts), Misfit.PLACE),
        (Promised(False, frozenset({"high_voltage"}), ENOUGH.lasts), Misfit.SKILLS),
        (Promised(False, ENOUGH.skills, timedelta(minutes=89)), Misfit.MINUTES),
    ],
)
def test_a_time_suffices_with_the_place_the_skills_and_the_minutes(promised: Promised, why: Misfit | None) -> None:
    assert misfit(WORK, promised) is why


def test_where_nobody_knows_what_has_to_be_done_every_time_suffices() -> None:
    assert misfit(None, ENOUGH) is None
    assert misfit(Remedy("x", "", why_none="A person looks first."), ENOUGH) is None
