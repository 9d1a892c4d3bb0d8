"""Every text that is to be translated: in the templates, in the code, and in the folders of the product types.

`python -m gateway.texts.sources` brings the `.po` files up to date: new texts are added without a translation, gone
ones are dropped. A test fails while a translation is missing.
"""

import sys
from collections.abc import Iterator
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from devices.product import ProductType
from devices.products import product_types
from gateway.settings import CHECKOUT
from gateway.texts.catalogues import LANGUAGES, Language

_METHODS: Final = [
    ("dashboards/templates/**.html", "jinja2"),
    ("gateway/notices/templates/**", "jinja2"),
    ("dashboards/**.py", "python"),
    ("gateway/notices/**.py", "python"),
]
_KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2), "msgid": None}
_HEADER: Final = (
    "# Callout's texts in another language. Apache-2.0. Brought up to date by: python -m gateway.texts.sources"
)
_JINJA_OPTIONS: Final = {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}

Message = str | tuple[str, ...]


def house_messages() -> dict[Message, list[str]]:
    """Return the texts of pages and messages, each with the files that use it."""
    found: dict[Message, list[str]] = {}
    options = {pattern: _JINJA_OPTIONS for pattern, method in _METHODS if method == "jinja2"}
    extracted = extract_from_dir(
        CHECKOUT, method_map=_METHODS, options_map=options, keywords=_KEYWORDS, directory_filter=_is_ours
    )
    for file, _line, message, _comments, _context in extracted:
        files = found.setdefault(message, [])
        if file not in files:
            files.append(file)
    return found


def _is_ours(folder: str | Path) -> bool:
    """Keep the search out of hidden folders and those without texts."""
    name = Path(folder).name
    return name == CHECKOUT.name or not name.startswith((".", "_"))


def product_messages(product: ProductType) -> dict[Message, list[str]]:
    """Return the texts of a product type, each with the kind of thing that it names."""
    found: dict[Message, list[str]] = {}
    for kind, text in _product_texts(product):
        if text and kind not in found.setdefault(text, []):
            found[text].append(kind)
    return found


def _product_texts(product: ProductType) -> Iterator[tuple[str, str]]:
    yield "product", product.title
    yield "safety", product.safety_text
    yield from (("component", title) for title in product.components.values())
    for signal in product.signals.values():
        yield from (("signal", text) for text in (signal.title, signal.element))
    for feature in product.features.values():
        yield from (("feature", text) for text in (feature.title, feature.element))
    yield from (("monitor", monitor.title) for monitor in product.monitors)
    yield from (("mode", mode.title) for mode in product.modes)
    yield from (("plot", plot.title) for plot in product.plots.values())
    for fault in product.faults.values():
        yield from (("fault", text) for text in (fault.title, fault.owner_text))
    yield from (("check", check.question) for check in product.checks)
    yield from (("guide", guide.text) for guide in product.guides)
    for rung in (rung for ladder in product.ladders.values() for rung in ladder):
        yield "rung", rung.title
        yield from (("condition", need.title) for need in rung.needs)
    for remedy in product.remedies.values():
        yield from (("remedy", text) for text in (remedy.title, remedy.why_none))


def files() -> Iterator[tuple[Language, Path, dict[Message, list[str]]]]:
    """Yield each `.po` file that there should be, with the texts that it translates."""
    house = house_messages()
    for language in LANGUAGES[1:]:
        yield language, CHECKOUT / "gateway/texts/locale" / f"{language}.po", house
        for name, product in product_types().items():
            yield language, _product_po(name, language), product_messages(product)


def _product_po(name: str, language: Language) -> Path:
    return Path(str(resources(f"devices.products.{name}"))) / "locale" / f"{language}.po"


def lacking_of(product: ProductType) -> dict[Language, int]:
    """Return how many of a product type's texts have no translation in its folder, by language; empty where all have."""
    messages = product_messages(product)
    lacking: dict[Language, int] = {}
    for language in LANGUAGES[1:]:
        if missing := untranslated(language, _product_po(product.name, language), messages):
            lacking[language] = len(missing)
    return lacking


def untranslated(language: Language, path: Path, messages: dict[Message, list[str]]) -> list[Message]:
    """Return the texts that a `.po` file does not translate."""
    known = _read(language, path)
    return [message for message in messages if not _has_translation(known, message)]


def _read(language: Language, path: Path) -> Catalog:
    if not path.is_file():
        return Catalog(locale=language)
    with path.open("rb") as source:
        return read_po(source, locale=language)


def _has_translation(catalogue: Catalog, message: Message) -> bool:
    entry = catalogue.get(message[0] if isinstance(message, tuple) else message)
    if entry is None or entry.fuzzy:
        return False
    return all(entry.string) if isinstance(entry.string, tuple | list) else bool(entry.string)


def update() -> int:
    """Bring every `.po` file up to date and return how many translations are missing."""
    missing = 0
    for language, path, messages in files():
        known = _read(language, path)
        fresh = Catalog(locale=language, header_comment=_HEADER, project="Callout", version="", fuzzy=False)
        fresh.msgid_bugs_address, fresh.last_translator, fresh.language_team = "", "", ""
        for message in sorted(messages, key=str):
            entry = known.get(message[0] if isinstance(message, tuple) else message)
            places = [(place, 0) for place in messages[message]]
            fresh.add(message, entry.string if entry else None, locations=places)
        # A date in the header would change the file each time, and with it nothing but the file.
        fresh.creation_date = fresh.revision_date = known.creation_date
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as target:
            write_po(target, fresh, width=120, include_lineno=False)
        lacking = untranslated(language, path, messages)
        missing += len(lacking)
        sys.stdout.write(f"{path.relative_to(CHECKOUT)}: {len(messages)} texts, {len(lacking)} not translated\n")
    return missing


if __name__ == "__main__":
    sys.exit(1 if update() else 0)
