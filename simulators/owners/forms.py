"""Reading a web page as a person does: its heading, and the dates that can be tapped."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_NO_DATE = re.compile(
    r"none|decline|cancel|call|contact|reject|refuse|human|person|other|unsubscribe|^no$|^dates\b|earlier|keep|nobody|resume|stop",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Tap:
    """Something that can be tapped: where it leads and which fields it sends.

    Attributes
    ----------
    url
        Where the form goes.
    fields
        What is sent, hidden fields included.
    label
        What stands on it.
    """

    url: str
    fields: dict[str, str]
    label: str


@dataclass(slots=True)
class _Option:
    kind: str
    name: str
    value: str
    label: str = ""


@dataclass(slots=True)
class _Form:
    action: str
    method: str
    fixed: dict[str, str] = field(default_factory=dict[str, str])
    options: list[_Option] = field(default_factory=list[_Option])


class Page(HTMLParser):
    """A page, taken apart.

    Parameters
    ----------
    html
        Its text.
    url
        Where it was found; forms without an address lead there.
    """

    def __init__(self, html: str, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.heading = ""
        self._url = url
        self._forms: list[_Form] = []
        self._form: _Form | None = None
        self._open: _Option | None = None
        self._select = ""
        self._labels: dict[str, str] = {}
        self._label_for: str | None = None
        self._ids: dict[str, _Option] = {}
        self._in_heading = False
        self._last_radio: _Option | None = None
        self._in_label = False
        self.feed(html)
        self.close()
        for key, text in self._labels.items():
            if key in self._ids and not self._ids[key].label:
                self._ids[key].label = text

    def dates(self) -> list[Tap]:
        """Give what looks like dates to tap, in the order of the page; empty when there is nothing to choose."""
        posts = [form for form in self._forms if form.method == "post"]
        found: list[Tap] = []
        shape: set[str] = set()
        for form in posts:
            taps = self._taps(form)
            if taps and (not found or set(taps[0].fields) == shape):
                shape = shape or set(taps[0].fields)
                found.extend(taps)
        return found

    def _taps(self, form: _Form) -> list[Tap]:
        if _NO_DATE.search(form.action.rpartition("/")[2]):
            return []
        choices = [option for option in form.options if option.kind in ("radio", "option")]
        buttons = [option for option in form.options if option.kind == "submit"]
        pressed = {button.name: button.value for button in buttons[:1] if button.name} if choices else {}
        if not choices:
            choices = [button for button in buttons if button.name or form.fixed]
        url = urljoin(self._url, form.action)
        return [
            Tap(
                url,
                {**form.fixed, **pressed, **({choice.name: choice.value} if choice.name else {})},
                choice.label.strip(),
            )
            for choice in choices
            if not _NO_DATE.search(choice.value) and not _NO_DATE.search(choice.name)
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an opening tag."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = _Form(values.get("action", ""), values.get("method", "get").lower())
            self._forms.append(self._form)
        elif tag == "h1":
            self._in_heading = not self.heading
        elif tag == "label":
            self._in_label = True
            self._label_for = values.get("for")
        elif self._form is not None and "disabled" not in values:
            self._control(self._form, tag, values)

    def handle_endtag(self, tag: str) -> None:
        """Take in a closing tag."""
        if tag == "form":
            self._form = None
        elif tag == "h1":
            self._in_heading = False
            self.heading = " ".join(self.heading.split())
        elif tag in ("button", "option"):
            self._open = None
        elif tag == "label":
            self._in_label, self._label_for, self._last_radio = False, None, None

    def handle_data(self, data: str) -> None:
        """Take in text."""
        text = " ".join(data.split())
        if self._in_heading:
            self.heading += data
        if self._open is not None:
            self._open.label = f"{self._open.label} {text}".strip()
        elif self._label_for:
            self._labels[self._label_for] = f"{self._labels.get(self._label_for, '')} {text}".strip()
        elif self._in_label and self._last_radio is not None:
            self._last_radio.label = f"{self._last_radio.label} {text}".strip()

    def _control(self, form: _Form, tag: str, values: dict[str, str]) -> None:
        name, value = values.get("name", ""), values.get("value", "")
        kind = values.get("type", "submit" if tag == "button" else "text").lower()
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and value:
            self._add(form, _Option("option", self._select, value), values)
        elif tag == "button" and kind == "submit":
            self._add(form, _Option("submit", name, value), values)
        elif tag == "input" and kind in ("radio", "submit"):
            self._add(form, _Option(kind, name, value, value if kind == "submit" else ""), values)
        elif (tag == "input" and kind in ("hidden", "text", "email", "tel")) or tag == "textarea":
            form.fixed.update({name: value} if name else {})
        elif tag == "input" and kind == "checkbox" and ("checked" in values or "required" in values):
            form.fixed[name] = value or "on"

    def _add(self, form: _Form, option: _Option, values: dict[str, str]) -> None:
        form.options.append(option)
        self._ids[values.get("id", "")] = option
        if option.kind == "radio":
            self._last_radio = option
        else:
            self._open = option if values.get("type") != "submit" or option.label == "" else None
