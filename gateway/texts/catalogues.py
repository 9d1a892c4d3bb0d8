"""Where translations come from: every `.po` file of the house, compiled to memory."""

from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final, Literal, get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

Language = Literal["en", "ko", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

# How each language calls itself: the one text that is never translated.
LANGUAGE_NAMES: Final[dict[Language, str]] = {"en": "English", "ko": "한국어", "ja": "日本語"}


def language_of(tag: str | None) -> Language:
    """Return the language that we speak for a language tag, English where we do not speak it.

    Examples
    --------
    >>> language_of("ko-KR"), language_of("JA"), language_of("fr"), language_of(None)
    ('ko', 'ja', 'en', 'en')
    """
    wanted = (tag or "").lower().replace("_", "-").split("-")[0]
    for language in LANGUAGES:
        if language == wanted:
            return language
    return "en"


def po_files(language: Language) -> list[Traversable]:
    """Return the translation files of a language: the products' first, ours last, so that ours win."""
    found = [
        folder.joinpath("locale", f"{language}.po")
        for folder in sorted(files("devices.products").iterdir(), key=lambda folder: folder.name)
        if folder.is_dir()
    ]
    found.append(files("gateway.texts").joinpath("locale", f"{language}.po"))
    return [file for file in found if file.is_file()]


@lru_cache
def catalogue(language: Language) -> NullTranslations:
    """Return all translations into a language; English needs none."""
    merged = Translations()
    for file in po_files(language):
        with file.open("rb") as source:
            messages = read_po(source, locale=language)
        compiled = BytesIO()
        write_mo(compiled, messages)
        compiled.seek(0)
        read = Translations(compiled)
        merged.merge(read)
        # Merging takes the texts only: how a count chooses its form is the language's own.
        merged.plural = read.plural
    return merged
