"""Two processes of work and two of serve beside each other: nothing is done twice, and either page serves everybody."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.settings import CHECKOUT
from tests.conftest import free_port
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.notices.conftest import Mailbox, mailbox
from tests.gateway.test_work import fall_ill

FLEET = 10
UNANSWERED = 3
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/o/[A-Za-z0-9_-]{72})")

__all__ = ["mailbox"]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=50)
    yield opened
    opened.close()


class Processes:
    """Commands of Callout as processes, each several times."""

    def __init__(self, desk: SmallDesk, mailbox: Mailbox, folder: Path) -> None:
        self.ports = [free_port(), free_port()]
        self._folder = folder
        self._variables = {
            "CALLOUT_DATABASE_URL": desk.dsn,
            "CALLOUT_SMTP_URL": mailbox.url,
            "CALLOUT_SECRET": "a key that both of them have, long enough",
            "CALLOUT_PUBLIC_URL": f"http://127.0.0.1:{self.ports[0]}",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command: str, **more: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{command}-{len(self._started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", command],
                cwd=CHECKOUT,
                env={**os.environ, **self._variables, **more},
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)

    def said(self) -> str:
        return "".join(log.read_text() for log in self._folder.glob("*.log"))

    def wait_until(self, is_so: Callable[[], object], seconds: float = 300.0) -> None:
        until_s = time.monotonic() + seconds
        while not is_so():
            ended = [process.args for process in self._started if process.poll() is not None]
            assert not ended, f"{ended} ended by themselves:\n{self.said()}"
            assert time.monotonic() < until_s, f"it did not come about in time:\n{self.said()}"
            time.sleep(0.1)


@pytest.fixture
def processes(desk: SmallDesk, mailbox: Mailbox, tmp_path: Path) -> Iterator[Processes]:
    made = Processes(desk, mailbox, tmp_path)
    for port in made.ports:
        made.start("work")
        made.start("serve", CALLOUT_HTTP_PORT=str(port))
    yield made
    made.end()


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def letters(mailbox: Mailbox) -> Counter[str]:
    return Counter(str(letter["Message-ID"]) for letter in mailbox.messages)


def links(mailbox: Mailbox) -> dict[str, str]:
    """The newest link of each owner."""
    found: dict[str, str] = {}
    for letter in mailbox.messages:
        part = letter.get_body(("plain",))
        match = LINK.search(part.get_content()) if part else None
        if match is not None:
            found[str(letter["To"])] = match[1]
    return found


def test_two_of_each_send_no_letter_twice_and_confirm_each_date_once_and_sweep_each_clock_once(
    desk: SmallDesk, processes: Processes, mailbox: Mailbox
) -> None:
    for number in range(FLEET):
        fall_ill(desk, f"ev-{number}")
    processes.wait_until(lambda: desk.value("SELECT count(*) FROM service_request WHERE state = 'offered'") == FLEET)
    processes.wait_until(lambda: len(links(mailbox)) == FLEET)
    processes.wait_until(lambda: all(map(answers, processes.ports)))
    # Some owners do not answer in time: both sweeps see that at once.
    silent = list(links(mailbox))[:UNANSWERED]
    for link in [link for owner, link in links(mailbox).items() if owner not in silent]:
        tap_at_both(processes.ports, link)
    assert desk.value("SELECT count(*) FROM appointment") == FLEET - UNANSWERED
    desk.admin.execute("UPDATE offer SET expires_at = now() - interval '1 s' WHERE closed_at IS NULL")
    processes.wait_until(lambda: desk.value("SELECT count(*) FROM offer WHERE closed_at IS NULL") == UNANSWERED)
    processes.wait_until(lambda: desk.value("SELECT count(*) FROM offer") == FLEET + UNANSWERED)
    # What is written is to be sent, too; and then there has to be time for what must not come.
    processes.wait_until(lambda: desk.value("SELECT count(*) FROM notice") == sum(letters(mailbox).values()))
    time.sleep(5.0)
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'offer_expired'") == UNANSWERED
    assert desk.value("SELECT count(*) FROM offer") == FLEET + UNANSWERED
    assert desk.value("SELECT count(*) FROM service_request") == FLEET
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == FLEET
    assert desk.value("SELECT count(*) FROM notice") == sum(letters(mailbox).values())
    assert set(letters(mailbox).values()) == {1}
    processes.end()
    assert "Traceback" not in processes.said()


def tap_at_both(ports: list[int], link: str) -> None:
    """The same owner taps the same date at both pages at once."""
    page = httpx2.get(f"http://127.0.0.1:{ports[1]}{link}", timeout=30)
    booking = re.search(r'name="booking"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="booking"', page.text)
    assert booking is not None, page.text
    number = booking[1] or booking[2]
    taps = [
        threading.Thread(
            target=httpx2.post,
            args=(f"http://127.0.0.1:{port}{link}/date",),
            kwargs={"data": {"booking": number}, "timeout": 30},
        )
        for port in ports
    ]
    for tap in taps:
        tap.start()
    for tap in taps:
        tap.join()
