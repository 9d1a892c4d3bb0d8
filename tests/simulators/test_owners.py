"""Owners, as a real process that reads a real mailbox and taps on a page."""

import json
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from simulators.owners.forms import Page
from tests.fakes.date_page import DatePage
from tests.simulators.test_mailbox import opened

Start = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def page(lost_races: int = 0) -> Iterator[DatePage]:
    shown = DatePage(lost_races)
    try:
        yield shown
    finally:
        shown.close()


def one_line(simulator: Start, folder: Path, link: str, *words: str) -> dict[str, object]:
    """Send one letter with a link, let owners read it, and give what they said."""
    _, smtp_port, url = opened(simulator, folder)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "desk@callout.example", "kim@owners.example", "Dates"
    letter.set_content(f"Help: http://127.0.0.1/help\nYour dates: {link}\n")
    with smtplib.SMTP("127.0.0.1", smtp_port) as post:
        post.send_message(letter)
    process = simulator("owners", "--mailbox", url, "--think", "0.1s", *words)
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_an_owner_taps_a_date_like_a_browser_does(simulator: Start, tmp_path: Path) -> None:
    with page() as shown:
        line = one_line(
            simulator, tmp_path, shown.url, "--late-share", "0", "--never-share", "0", "--double-tap-share", "0"
        )
        assert line["did"] == "answered"
        assert line["page"] == "Your date is booked"
        assert shown.posts[0]["nonce"] == ["n1"]
        assert shown.booked in ("01", "02", "03")
        assert shown.url.startswith(shown.origins[0])
        assert len(shown.posts) == 1


def test_an_owner_in_a_hurry_taps_twice(simulator: Start, tmp_path: Path) -> None:
    with page() as shown:
        line = one_line(
            simulator, tmp_path, shown.url, "--late-share", "0", "--never-share", "0", "--double-tap-share", "1"
        )
        assert line["taps"] == 2
        assert shown.posts[0] == shown.posts[1]


def test_an_owner_who_lost_the_race_taps_one_of_the_fresh_dates(simulator: Start, tmp_path: Path) -> None:
    with page(lost_races=1) as shown:
        line = one_line(
            simulator, tmp_path, shown.url, "--late-share", "0", "--never-share", "0", "--double-tap-share", "0"
        )
        assert line["page"] == "Your date is booked"
        assert len(shown.posts) == 2


def test_an_owner_may_never_answer(simulator: Start, tmp_path: Path) -> None:
    with page() as shown:
        line = one_line(simulator, tmp_path, shown.url, "--early-share", "0", "--late-share", "0", "--never-share", "1")
        assert line["did"] == "left unanswered"
        assert shown.posts == []


def test_a_page_that_does_not_answer_is_said(simulator: Start, tmp_path: Path) -> None:
    with page() as shown:
        gone = shown.url
    line = one_line(simulator, tmp_path, gone, "--late-share", "0", "--never-share", "0")
    assert line["did"] == "could not open the page"


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (
            (
                '<form method="POST" action="date"><input type="hidden" name="t" value="1">'
                '<label><input type="radio" name="slot" value="9"> Monday</label>'
                '<label><input type="radio" name="slot" value="none"> None of these</label><button>Confirm</button></form>'
            ),
            [{"t": "1", "slot": "9"}],
        ),
        (
            (
                '<form method="post" action="a"><input type="hidden" name="slot" value="1"><button>Mon</button></form>'
                '<form method="post" action="a"><input type="hidden" name="slot" value="2"><button>Tue</button></form>'
            ),
            [{"slot": "1"}, {"slot": "2"}],
        ),
        (
            (
                '<form method="post"><select name="slot"><option value="">Choose</option>'
                '<option value="5">Mon</option></select><input type="submit" value="Go"></form>'
            ),
            [{"slot": "5"}],
        ),
        ('<form method="post" action="/o/t/cancel"><button name="yes" value="1">Cancel</button></form>', []),
        ('<form method="get" action="/o/t"><button name="slot" value="1">Monday</button></form>', []),
    ],
)
def test_dates_are_found_in_the_forms_that_pages_use(form: str, fields: list[dict[str, str]]) -> None:
    assert [tap.fields for tap in Page(form, "http://127.0.0.1/o/t").dates()] == fields
