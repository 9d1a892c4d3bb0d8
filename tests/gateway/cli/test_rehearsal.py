"""What a rehearsal prints while it runs: a run that is cut off has told of the seeds that failed until then."""

import os
import signal
import subprocess
import sys
from pathlib import Path

PLANT = Path(__file__).parents[1] / "rehearsal" / "plants" / "broken_chain.sql"


def test_a_failing_seed_is_told_at_once_and_without_the_desks_own_warnings(postgres_dsn: str, tmp_path: Path) -> None:
    told = tmp_path / "stderr"
    command = [sys.executable, "-m", "gateway", "simulate-journey", "--seeds", "500", "--days", "20"]
    with (
        told.open("w") as errors,
        subprocess.Popen(
            [*command, "--plant", str(PLANT)],
            env={**os.environ, "CALLOUT_DATABASE_URL": postgres_dsn},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as running,
    ):
        assert running.stdout is not None
        lines: list[str] = []
        for line in running.stdout:
            lines.append(line)
            if line.startswith("again: "):
                break
        # It has hundreds of seeds before it, and is cut off here.
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
    assert any(line.startswith("seed ") for line in lines)
    assert any("VIOLATED in seed" in line and "the audit is one chain" in line for line in lines)
    assert not [
        words for words in ("is about nothing of ours", "was refused by", "deposit 1: ") if words in told.read_text()
    ]
