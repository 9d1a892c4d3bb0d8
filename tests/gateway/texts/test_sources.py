"""Every text that a person may read is there in every language that we speak."""

import re

import pytest

from gateway.texts import LANGUAGES, translator
from gateway.texts.sources import files, house_messages, untranslated


def test_every_text_of_pages_messages_and_products_is_translated() -> None:
    lacking = {
        str(path): missing
        for language, path, messages in files()
        if (missing := untranslated(language, path, messages))
    }
    assert not lacking, "run `python -m gateway.texts.sources` and translate what it adds"


def test_the_texts_of_templates_and_code_are_found() -> None:
    found = house_messages()
    assert "dashboards/templates/owner.html" in found["None of these suits me"]
    assert "gateway/notices/letter.py" in found["Choose a date"]
    assert ("%(count)s byte", "%(count)s bytes") in found


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_translation_names_the_same_values_as_its_text(language: str) -> None:
    voice = translator("ko" if language == "ko" else "ja")
    for spoken, _path, messages in files():
        if spoken != language:
            continue
        for message in messages:
            text = message[-1] if isinstance(message, tuple) else message
            said = voice.ngettext(message[0], text, 2) if isinstance(message, tuple) else voice.gettext(message)
            names = re.compile(r"%\((\w+)\)")
            assert set(names.findall(said)) == set(names.findall(text)), text
            # Pages fill values in with the percent operator: a lone sign would break the page in this language only.
            assert re.sub(r"%\(\w+\)[a-z]|%%", "", said).count("%") <= re.sub(r"%\(\w+\)[a-z]|%%", "", text).count(
                "%"
            ), said


@pytest.mark.parametrize(("language", "word"), [("ko", "계약금"), ("ja", "手付金")])
def test_a_deposit_has_one_name_in_each_language(language: str, word: str) -> None:
    voice = translator("ko" if language == "ko" else "ja")
    texts = [message for message in house_messages() if isinstance(message, str)]
    deposits = [text for text in texts if re.search(r"\bdeposits?\b", text, re.IGNORECASE)]
    assert len(deposits) > 20
    assert not [text for text in deposits if word not in voice.gettext(text)]
