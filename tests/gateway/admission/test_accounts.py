"""What a broker of one's own is handed of the authority: what it needs, never the authority's key, again when it changes."""

from pathlib import Path

import pytest

from gateway.admission.accounts import hand_over
from gateway.errors import CalloutError

FILES = {name: f"first {name}" for name in ("ca.crt", "crl.pem", "broker.crt", "broker.key")}


def test_the_broker_gets_what_it_needs_for_its_own_eyes(tmp_path: Path) -> None:
    assert hand_over({**FILES, "ca.key": "the authority's"}, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == FILES
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    hand_over(FILES, tmp_path)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert not hand_over(FILES, tmp_path)
    assert hand_over({**FILES, "crl.pem": "second"}, tmp_path)
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"crl.pem"}
    assert (tmp_path / "crl.pem").read_text() == "second"


def test_a_folder_that_cannot_be_written_is_told_with_what_follows_from_it(tmp_path: Path) -> None:
    with pytest.raises(CalloutError, match="absent .No such file or directory.*still opens"):
        hand_over(FILES, tmp_path / "absent")
