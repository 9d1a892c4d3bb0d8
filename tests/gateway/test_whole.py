"""Whole files: a process that is killed while it writes leaves what was there, or all of the new, under the name."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.learning.models import ModelError, load
from gateway.whole import write_whole

KILLS = 12
# Takes long enough to be killed in.
WRITES_FILES = """
import sys
from pathlib import Path
from gateway.whole import write_whole
print("writes", flush=True)
while True:
    for letter in "ab":
        write_whole(Path(sys.argv[1]), letter * 20_000_000)
"""
WRITES_MODELS = """
import sys
from pathlib import Path
import numpy as np
from gateway.learning.models import Card, content_of, save
class Numbers:
    def __init__(self, value): self.value = value
    def arrays(self): return {"value": np.full(1_000_000, self.value)}
print("writes", flush=True)
while True:
    for value in (1.0, 2.0):
        content, sha256 = content_of(Numbers(value))
        save(Path(sys.argv[1]), content, Card(
            name="m", sha256=sha256, features=["a"], rows=1, wrong_rows=1, data="d", data_sha256="0", licence="l",
            method="m", library="l", figures={"value": value}, meant_for="a", not_meant_for="b"))
"""


def killed_after(script: str, target: Path, seconds_s: float) -> None:
    """Let a process write there again and again, and kill it so long after it has begun."""
    with subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writes\n"
        time.sleep(seconds_s)
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "metrics.json"
    write_whole(target, "a" * 20_000_000)
    for kill in range(KILLS):
        killed_after(WRITES_FILES, target, 0.013 * kill)
        content = target.read_bytes()
        assert len(content) == 20_000_000
        assert content in (b"a" * 20_000_000, b"b" * 20_000_000)
    assert {file.suffix for file in tmp_path.iterdir()} <= {".json", ".unfinished"}


def test_a_model_is_whole_or_refused_whenever_its_training_is_killed(tmp_path: Path) -> None:
    read = 0
    for kill in range(KILLS):
        killed_after(WRITES_MODELS, tmp_path, 0.013 * kill)
        try:
            model, card = load(tmp_path, "m", lambda arrays: _Kept(arrays["value"].tolist()))
        except ModelError:
            continue
        assert model.values == [card.figures["value"]] * 1_000_000
        read += 1
    assert read


class _Kept:
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def arrays(self) -> dict[str, object]:
        return {}


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(target, "new")
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_keeps_its_rights_and_a_link_goes_on_leading_to_it(tmp_path: Path) -> None:
    target, link = tmp_path / "there", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(link, b"new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_what_is_no_file_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        write_whole(pipe, "through")
        assert reader.communicate()[0] == b"through"
