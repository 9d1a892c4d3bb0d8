"""The data folder: secrets, remembered ports, and who is at home."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.ports import is_free, next_free_port
from gateway.errors import EmbeddedError

IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from gateway.embedded.folder import open_folder
with open_folder(Path(sys.argv[1])).locked("callout up"):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_secret_is_made_once_and_readable_by_its_owner_only(data_folder: DataFolder) -> None:
    secret = data_folder.secret("signing")
    assert len(secret) >= 43
    assert data_folder.secret("signing") == secret
    assert data_folder.secret("other") != secret
    assert (data_folder.path / "secrets" / "signing").stat().st_mode & 0o777 == 0o600


def test_ports_are_remembered_and_a_damaged_file_is_told(data_folder: DataFolder) -> None:
    assert data_folder.remembered_ports() == {}
    data_folder.remember_ports({"http": 8081})
    assert data_folder.remembered_ports() == {"http": 8081}
    (data_folder.path / "ports.json").write_text("{")
    with pytest.raises(EmbeddedError, match="Delete it: free ports are chosen anew"):
        data_folder.remembered_ports()


def test_a_second_start_is_told_who_is_at_home_and_a_killed_one_leaves_the_door_open(data_folder: DataFolder) -> None:
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(data_folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in\n"
        at_home = rf"callout up \(process {first.pid}\) is already running"
        with pytest.raises(EmbeddedError, match=at_home), data_folder.locked("callout demo"):
            pytest.fail("two at home")
        first.kill()
    with data_folder.locked("callout demo"):
        assert "callout demo" in (data_folder.path / "lock").read_text()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedError, match="cannot be written"):
        open_folder(tmp_path / "data")


def test_the_next_free_port_leaves_out_the_taken_ones() -> None:
    first = next_free_port(20500)
    assert is_free(first)
    assert next_free_port(first, taken=frozenset({first})) > first
    with pytest.raises(EmbeddedError, match="no port from 32768"):
        next_free_port(32768)
