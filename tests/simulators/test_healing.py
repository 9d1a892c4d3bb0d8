"""Simulated devices under command: what is cured is over, what lies changes nothing, and the same seed does the same."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from simulators.errors import SimulatorError
from simulators.faults import Fault, strain_at
from simulators.fleet.healing import Healing
from simulators.fleet.manners import Manner, Manners, parse_manners

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def faults() -> dict[str, Fault]:
    return {"f": Fault("smart_meter", 0, "bus_dead", NOW - timedelta(hours=1), 1.0, 1)}


def healing(found: dict[str, Fault], manners: Manners) -> Healing:
    return Healing("smart_meter", 0, "mtr-0001", found, manners, np.random.default_rng(7))


def test_a_device_that_obeys_is_well_from_then_on_and_only_by_what_cures_it() -> None:
    found = faults()
    device = healing(found, Manners())
    assert device("set_clock", NOW) == ("done", "it has been done")
    assert found["f"].healed_at is None
    device("restart_communication_module", NOW)
    assert bool(strain_at("smart_meter", list(found.values()), 1, NOW).bus_dead[0])
    assert not strain_at("smart_meter", list(found.values()), 1, NOW + timedelta(minutes=1)).bus_dead[0]


@pytest.mark.parametrize(
    ("manner", "outcome"), [(Manner.REFUSE, "refused"), (Manner.LIE, "done"), (Manner.SILENT, None)]
)
def test_who_refuses_lies_or_is_silent_stays_as_it_is(manner: Manner, outcome: str | None) -> None:
    found = faults()
    answer = healing(found, Manners(told={"bus_dead": manner}))("restart_communication_module", NOW)
    assert (None if answer is None else answer[0]) == outcome
    assert found["f"].healed_at is None


def test_an_unknown_command_is_refused_and_the_word_to_stop_is_known_to_all() -> None:
    device = healing(faults(), Manners())
    assert device("explode", NOW) is not None
    assert (device("explode", NOW) or ("",))[0] == "refused"
    assert (device("stop_using", NOW) or ("",))[0] == "done"


def test_manners_by_chance_are_those_of_the_seed_and_of_their_shares() -> None:
    manners = parse_manners(["obey:0.5,lie:0.3,silent:0.2", "mtr-0009=refuse"])
    drawn = [manners.of("mtr-0001", [], np.random.default_rng(seed)) for seed in range(400)]
    assert drawn == [manners.of("mtr-0001", [], np.random.default_rng(seed)) for seed in range(400)]
    assert 90 < drawn.count(Manner.LIE) < 150
    assert Manner.REFUSE not in drawn
    assert manners.of("mtr-0009", [], np.random.default_rng(1)) is Manner.REFUSE


@pytest.mark.parametrize("text", ["ev-1=maybe", "obey", "obey:2", "lie:x", "obey:0.9,lie:0.9"])
def test_manners_that_cannot_be_read_are_refused_with_the_next_move(text: str) -> None:
    with pytest.raises(SimulatorError, match="--answers"):
        parse_manners([text])
