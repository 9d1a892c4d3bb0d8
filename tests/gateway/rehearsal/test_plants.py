"""The checker is checked: each fault that is planted into the database is noticed, under its own name."""

from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString, cast

import psycopg
import pytest

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
    "unending_offer": {"an open offer is of a request that is offered"},
    "ownerless_case": {"every case has an owner"},
    "lost_case": {"every open request has a next step"},
    "leaking_stock": {"stock is conserved"},
    "unsent_offer": {"no offer is unsent by a reading"},
    "restless_request": {"nothing happens to a closed request"},
    "short_way": {"a technician has time for the way"},
    "hushed_danger": {"a safety matter is told at once"},
    "second_request": {"one request is open per device and component"},
}


def planted(stack: ExitStack, database: str, folder: Path, plant: str) -> Stage:
    """A stage in whose database something is broken on purpose."""
    with psycopg.connect(database, options="-c search_path=callout,jobs,public", autocommit=True) as connection:
        connection.execute(cast("LiteralString", (PLANTS / f"{plant}.sql").read_text("utf-8")))
    return stack.enter_context(stage(database, load_settings(), folder))


def test_every_planted_fault_is_among_those_that_are_looked_for() -> None:
    assert {file.stem for file in PLANTS.glob("*.sql")} == NOTICED_AS.keys()
    assert len(NOTICED_AS) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("plant", sorted(NOTICED_AS))
def test_a_planted_fault_is_noticed_within_fifty_seeds(plant: str, database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        broken = planted(stack, database, tmp_path, plant)
        played = next((each for each in (broken.play(seed, 30) for seed in SEEDS) if each.violations), None)
    assert played is not None, f"{plant} was not noticed in {len(SEEDS)} seeds"
    assert {each.invariant for each in played.violations} & NOTICED_AS[plant], str(played.story)[-3000:]
