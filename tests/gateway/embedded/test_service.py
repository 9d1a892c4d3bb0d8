"""A child process as a piece of the household."""

import os
import urllib.request
from pathlib import Path

import pytest

from gateway.embedded.folder import DataFolder
from gateway.embedded.service import Service
from gateway.errors import EmbeddedError
from tests.conftest import free_port


def test_its_start_is_complete_when_it_listens_and_its_settings_have_reached_it(data_folder: DataFolder) -> None:
    port = free_port()
    words = ("http.server", "--bind", "127.0.0.1", str(port))
    service = Service("web", words, data_folder, lambda: {"CALLOUT_HTTP_PORT": str(port)}, port)
    service.start()
    assert service._program is not None
    environment = Path(f"/proc/{service._program.process.pid}/environ").read_bytes()
    assert f"CALLOUT_HTTP_PORT={port}".encode() in environment
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/pyproject.toml") as page:
        assert page.status == 200
    # A group of its own: the terminal's Ctrl-C does not reach it.
    assert os.getpgid(service._program.process.pid) != os.getpgid(0)
    service.stop()
    assert not service.is_running


def test_one_that_ends_at_once_is_told_with_its_last_words_and_its_log(data_folder: DataFolder) -> None:
    port = free_port()
    service = Service("web", ("no_such_module",), data_folder, dict, port)
    with pytest.raises(
        EmbeddedError, match=r"web does not listen on port \d+: .*No module named no_such_module.*web\.log"
    ):
        service.start()


def test_a_large_log_is_set_aside_at_the_start(data_folder: DataFolder) -> None:
    log = data_folder.log("talker")
    log.write_bytes(b"x" * 9_000_000)
    service = Service("talker", ("platform",), data_folder, dict)
    service.start()
    assert service._program is not None
    service._program.process.wait(10)
    assert log.stat().st_size < 1000
    assert log.with_suffix(".old.log").stat().st_size == 9_000_000
    service.stop()
