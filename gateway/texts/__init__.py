"""What people read, in their language: gettext for the words, CLDR (through babel) for dates, times and numbers.

English is the language of the source. The translations are `.po` files: ours in `locale/`, those of a product type in
the `locale/` folder of its own. They are compiled to memory when a language is first asked for; nothing is built.
"""

from gateway.texts.catalogues import LANGUAGE_NAMES, LANGUAGES, Language, language_of
from gateway.texts.voice import Translator, translator


def msgid(text: str) -> str:
    """Mark a text as one to translate where it stands in a table and is translated later; return it as it is."""
    return text


__all__ = ["LANGUAGES", "LANGUAGE_NAMES", "Language", "Translator", "language_of", "msgid", "translator"]
