"""The checker is checked: each fault that is planted into the database is noticed, under its own name."""

from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString, cast

import psycopg
import pytest

from gateway.rehearsal.checker import INVARIANTS
from gateway.rehearsal.invariants.invariant import sentence
from gateway.rehearsal.play import Stage, stage
from gateway.settings import load_settings

PLANTS = Path(__file__).with_name("plants")
SEEDS = range(1, 51)
NOTICED_AS = {
    "act_without_clause": {"every act of the desk has a clause that was valid"},
    "broken_chain": {"the audit is one chain"},
    "unaudited_act": {"every act of the desk is audited"},
    "double_booking": {"no bay and no technician is promised twice"},
    "lost_release": {"nothing is kept for a closed request", "stock is conserved"},
    "part_used_twice": {"stock is conserved"},
    "dropped_diagnosis": {"every symptom is thought of"},
    "dropped_offer": {"no open request stands still"},
    "doubled_notice": {"nobody is told the same twice"},
    "date_before_part": {"no date is promised before its part"},
    "unending_offer": {"an open offer is of a request that is offered", "an offer ends in time"},
    "ownerless_case": {"every case has an owner"},
    "lost_case": {"every open request has a next step"},
    "leaking_stock": {"stock is conserved"},
    "unsent_offer": {"no offer is unsent by a reading"},
    "restless_request": {"nothing happens to a closed request"},
    "short_way": {"a technician has time for the way"},
    "hushed_danger": {"a safety matter is told at once"},
    "second_request": {"one request is open per device and component"},
    "kept_deposit": {"money is given back when nothing is delivered"},
    "other_amount": {"what is charged was agreed"},
    "second_deposit": {"one deposit is open per request"},
    "believed_payment": {"the books of desk and provider agree"},
    "half_undone": {"an undone act leaves nothing held"},
    "unheard_report": {"a report of an owner gets an answer"},
    "letter_to_former_owner": {"a former owner hears of nothing new"},
    "request_of_former_owner": {"an open request is of a present owner"},
    "forgotten_clock_change": {"a date is within the hours of its place"},
    "moved_window": {"what an owner was told stands"},
    "past_date": {"a date is confirmed before it begins"},
    "untold_loss": {"a lost date is told at once"},
    "endless_question": {"a question to an owner ends in time"},
    "mandate_that_stays": {"a mandate is of a present owner"},
    "unnoticed_misfit": {"a date that does not suffice is in somebodys hands"},
    "unaudited_money": {"every step of money and every warning is audited"},
    "untold_case": {"every case is told to its owner"},
    "unwatched_case": {"every late case is warned of"},
    "held_too_long": {"no time is held for an offer that is closed"},
    "date_without_time": {"a booked time has an appointment and an appointment its time"},
    "dropped_request": {"a trouble that was found has its request"},
    "doubled_fault": {"one fault is open per device component and code"},
    "second_fault": {"an open fault belongs to one open request"},
    "restless_letters": {"an owner gets three unasked letters at most"},
    "unagreed_price": {"no price is paid that was not agreed"},
    "wordless_price": {"a price ends in writing"},
    "page_left_open": {"nobody is asked to pay for a closed request"},
    "silent_end": {"who knew of a service hears of its end"},
    "promised_while_absent": {"nobody is promised while absent"},
}


def planted(stack: ExitStack, database: str, folder: Path, plant: str) -> Stage:
    """A stage in whose database something is broken on purpose."""
    with psycopg.connect(database, options="-c search_path=callout,jobs,public", autocommit=True) as connection:
        connection.execute(cast("LiteralString", (PLANTS / f"{plant}.sql").read_text("utf-8")))
    return stack.enter_context(stage(database, load_settings(), folder))


def test_every_planted_fault_is_among_those_that_are_looked_for() -> None:
    assert {file.stem for file in PLANTS.glob("*.sql")} == NOTICED_AS.keys()


def test_every_invariant_has_a_fault_that_it_notices() -> None:
    assert {sentence(each) for each in INVARIANTS} == set().union(*NOTICED_AS.values())


@pytest.mark.slow
@pytest.mark.parametrize("plant", sorted(NOTICED_AS))
def test_a_planted_fault_is_noticed_within_fifty_seeds(plant: str, database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        broken = planted(stack, database, tmp_path, plant)
        played = next((each for each in (broken.play(seed, 30) for seed in SEEDS) if each.violations), None)
    assert played is not None, f"{plant} was not noticed in {len(SEEDS)} seeds"
    assert {each.invariant for each in played.violations} & NOTICED_AS[plant], str(played.story)[-3000:]
