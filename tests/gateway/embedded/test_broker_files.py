"""What a broker is handed of the authority: what it needs, never the authority's key, and again when it changes."""

import threading
from pathlib import Path

import pytest

from gateway.embedded.broker_files import HANDED_OVER, BrokerFiles


@pytest.fixture
def files(tmp_path: Path) -> BrokerFiles:
    """An authority's folder with all its files, and an empty one of a broker."""
    for folder in ("authority", "broker"):
        (tmp_path / folder).mkdir()
    for name in (*HANDED_OVER, "ca.key"):
        (tmp_path / "authority" / name).write_text(f"first {name}")
    return BrokerFiles(tmp_path / "authority", tmp_path / "broker", lambda _: None)


def test_the_broker_gets_what_it_needs_and_not_the_authority_s_key(files: BrokerFiles) -> None:
    assert files.hand_over()
    assert {path.name for path in files.broker.iterdir()} == set(HANDED_OVER)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.broker.iterdir())


def test_what_has_not_changed_is_not_written_again(files: BrokerFiles) -> None:
    files.hand_over()
    before = {path.name: path.stat().st_ino for path in files.broker.iterdir()}
    assert not files.hand_over()
    (files.authority / "crl.pem").write_text("second")
    assert files.hand_over()
    after = {path.name: path.stat().st_ino for path in files.broker.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"crl.pem"}
    assert (files.broker / "crl.pem").read_text() == "second"


def test_an_authority_that_is_not_there_yet_is_told_once_and_waited_for(files: BrokerFiles) -> None:
    (files.authority / "ca.crt").rename(files.authority / "later")
    said: list[str] = []
    has_said = threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        has_said.set()

    stopping = threading.Event()
    keeping = BrokerFiles(files.authority, files.broker, tell)
    thread = threading.Thread(target=keeping.keep, args=(stopping,))
    thread.start()
    assert has_said.wait(10)
    has_said.clear()
    (files.authority / "later").rename(files.authority / "ca.crt")
    assert has_said.wait(10)
    stopping.set()
    thread.join()
    assert "cannot be handed over" in said[0]
    assert "ca.crt" in said[0]
    assert said[1:] == [f"the broker's certificates in {files.broker} are those of {files.authority}"]
