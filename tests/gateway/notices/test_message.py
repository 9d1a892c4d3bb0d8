"""An e-mail as it leaves: headers that every reader reads the same."""

from email import message_from_bytes, policy

import pytest

from gateway.notices.letter import Letter
from gateway.notices.message import compose
from gateway.texts import Language, translator
from tests.dashboards.scene import NOW


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("ko", "C-000002 확인이 필요합니다: 고전압 절연 상실 그리고 아주 길어서 여러 줄로 접히는 제목"),
        ("ja", "Hanbit Aurora 77の点検が必要です。ご都合のよい日はいつですか？ もう一度お知らせいたします"),
        (
            "en",
            "A subject in plain letters that is longer than one line of a mail may be, and is folded into two of them",
        ),
    ],
)
def test_a_folded_subject_keeps_every_space(language: Language, subject: str) -> None:
    letter = Letter(subject, "Hello,", ("One.", "Two."), sender="Hanbit", reference="C-000002")
    message = compose(
        letter,
        translator(language),
        mail_from="Callout <service@callout.example>",
        recipient=("김 서연", "owner@example.org"),
        tenant_id=1,
        notice_id=7,
        thread="request-2",
        now=NOW,
    )
    read = message_from_bytes(message.as_bytes(policy=message.policy.clone(linesep="\r\n")), policy=policy.default)
    assert read["Subject"] == subject
    assert read["To"] == "김 서연 <owner@example.org>"
    assert read["Message-ID"] == "<notice-7.1@callout.example>"
    assert all(len(line) <= 78 for line in message.as_bytes().split(b"\n\n")[0].splitlines())
    text = read.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n").startswith("Hello,\n\nOne.\n\nTwo.\n\n-- \nHanbit\n")
