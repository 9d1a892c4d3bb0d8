"""Seeds played on a real database: they hold, and the same seed is the same story."""

from pathlib import Path

import pytest

from gateway.rehearsal.play import stage
from gateway.settings import load_settings


def test_the_same_seed_tells_the_same_story_whatever_was_played_before(database: str, tmp_path: Path) -> None:
    with stage(database, load_settings(), tmp_path) as played:
        first = str(played.play(1, 12).story)
        other = str(played.play(2, 6).story)
        again = str(played.play(1, 12).story)
    assert first == again
    assert first != other
    assert "confirmed" in first


@pytest.mark.slow
def test_in_fifty_seeds_of_thirty_days_every_invariant_holds(database: str, tmp_path: Path) -> None:
    with stage(database, load_settings(), tmp_path) as played:
        for seed in range(1, 51):
            outcome = played.play(seed, 30)
            assert not outcome.violations, f"seed {seed}: {outcome.violations}\n{str(outcome.story)[-4000:]}"
            assert outcome.events > 30
