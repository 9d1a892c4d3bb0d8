"""Seeds played on a real database: they hold, and the same seed is the same story."""

import json
from pathlib import Path

import pytest

from gateway.rehearsal.play import stage
from gateway.rehearsal.run import Plan, run
from gateway.settings import load_settings


def test_the_same_seed_tells_the_same_story_whatever_was_played_before(database: str, tmp_path: Path) -> None:
    with stage(database, load_settings(), tmp_path) as played:
        first = str(played.play(1, 12).story)
        other = str(played.play(2, 6).story)
        again = str(played.play(1, 12).story)
    assert first == again
    assert first != other
    assert "confirmed" in first


def test_what_the_sweep_fails_at_and_goes_on_after_is_a_violation(database: str, tmp_path: Path) -> None:
    with stage(database, load_settings(), tmp_path) as played:
        played.desk.admin.execute(
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'refused for a test' USING ERRCODE = 'check_violation'; END $$;
            CREATE TRIGGER refused BEFORE INSERT ON request_event FOR EACH ROW
                WHEN (NEW.event IN ('offer_expired', 'date_passed', 'case_overdue')) EXECUTE FUNCTION refuse()"""
        )
        told = played.play(1, 12).violations
    assert [each.invariant for each in told] == ["no step fails"]
    assert "refused for a test" in told[0].where


@pytest.mark.slow
def test_in_fifty_seeds_of_thirty_days_every_invariant_holds(postgres_dsn: str) -> None:
    settings = load_settings().model_copy(update={"database_url": postgres_dsn})
    told: list[int] = []
    summary = run(settings, Plan(range(1, 51), 30), 2, lambda so_far, _: told.append(so_far.seeds))
    broken = [f"seed {each.seed}: {each.violations}\n{each.story[-4000:]}" for each in summary.failures]
    assert not broken, "\n".join(broken)
    assert told == list(range(1, 51))
    last = json.loads(summary.as_json(1.0))
    assert last["seeds"] == 50
    assert last["violations"] == 0
    assert last["events"] > 50 * 30
    assert last["requests"] > 50
