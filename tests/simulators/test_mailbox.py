"""The mailbox, as a real process that takes real mail."""

import re
import smtplib
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest

from simulators.errors import SimulatorError
from simulators.mailbox.letters import LetterBox

Start = Callable[..., "subprocess.Popen[str]"]
CALENDAR = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


def opened(start: Start, folder: Path) -> tuple[subprocess.Popen[str], int, str]:
    process = start("mailbox", "--smtp-port", "0", "--http-port", "0", "--dir", str(folder))
    assert process.stdout is not None
    match = re.search(r"smtp://127\.0\.0\.1:(\d+) and (http://\S+/) ", process.stdout.readline())
    assert match
    return process, int(match[1]), match[2]


def send(port: int, subject: str = "어느 날이 좋으세요?", to: str = "seoyeon@owners.example") -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "desk@callout.example", to, subject
    letter.set_content("Your dates: http://127.0.0.1:8080/o/abc123\n")
    letter.add_alternative(
        '<p>안녕하세요 <a href="http://127.0.0.1:8080/o/abc123?a=1&amp;b=2">날짜</a></p><script>alert(1)</script>',
        "html",
    )
    letter.add_attachment(CALENDAR, "text", "calendar", filename="date.ics")
    with smtplib.SMTP("127.0.0.1", port) as post:
        post.send_message(letter, to_addrs=[to, "blind@copy.example"])


def test_a_letter_is_kept_and_shown_with_its_links_and_its_calendar_file(simulator: Start, tmp_path: Path) -> None:
    _, smtp_port, url = opened(simulator, tmp_path / "mail")
    send(smtp_port)
    (letter,) = httpx2.get(url + "messages.json").json()
    assert letter["to"] == ["seoyeon@owners.example", "blind@copy.example"]
    assert letter["subject"] == "어느 날이 좋으세요?"
    assert letter["links"] == ["http://127.0.0.1:8080/o/abc123", "http://127.0.0.1:8080/o/abc123?a=1&b=2"]
    page = httpx2.get(letter["url"])
    assert "sandbox=" in page.text
    assert "date.ics" in page.text
    calendar = httpx2.get(letter["url"] + "/attachments/0")
    assert calendar.content.strip() == CALENDAR.strip()
    assert "어느 날이 좋으세요?" in httpx2.get(url).text


def test_the_text_of_a_letter_cannot_run_in_the_page(simulator: Start, tmp_path: Path) -> None:
    _, smtp_port, url = opened(simulator, tmp_path / "mail")
    send(smtp_port, subject="<script>alert(1)</script>")
    (letter,) = httpx2.get(url + "messages.json").json()
    assert "<script>" not in httpx2.get(url).text
    assert "<script>" not in httpx2.get(letter["url"]).text
    policy = httpx2.get(letter["url"] + "/body").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy


def test_letters_survive_a_restart_on_the_same_folder(simulator: Start, tmp_path: Path) -> None:
    process, smtp_port, _ = opened(simulator, tmp_path / "mail")
    send(smtp_port)
    process.kill()
    process.wait()
    _, smtp_port, url = opened(simulator, tmp_path / "mail")
    send(smtp_port, subject="second")
    assert [letter["subject"] for letter in httpx2.get(url + "messages.json").json()] == [
        "second",
        "어느 날이 좋으세요?",
    ]


def test_a_port_in_use_is_named_with_the_next_move(simulator: Start, tmp_path: Path) -> None:
    _, smtp_port, _ = opened(simulator, tmp_path / "mail")
    second = simulator("mailbox", "--smtp-port", str(smtp_port), "--http-port", "0", "--dir", str(tmp_path / "other"))
    _, complaint = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"127.0.0.1:{smtp_port}" in complaint
    assert "--smtp-port" in complaint
    assert "Traceback" not in complaint


def test_a_letter_of_another_folder_cannot_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "secret.eml").write_text("secret")
    box = LetterBox(tmp_path / "mail")
    assert box.get("../secret") is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulatorError, match="Cannot make the folder"):
        LetterBox(tmp_path / "file" / "mail")
