"""Pages from templates: one Jinja environment per language, everything escaped, nothing cached by anybody."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from dashboards.liveness import LIVENESS
from dashboards.reports import COMMAND_STATES, GAP_STATES
from gateway.health.alarms import THRESHOLDS, Alarm
from gateway.notices.desk_words import (
    ALARMS,
    ATTENTION,
    ATTENTION_ACTS,
    DELIVERIES,
    MOVEMENTS,
    ROLLOUTS,
    ROUTE_OUTCOMES,
    TROUBLE_MOVES,
    TROUBLES,
    UNPLANNED,
)
from gateway.notices.mandate_words import ACTS, CLAUSES, RULES
from gateway.notices.words import (
    ACTORS,
    ANSWERS,
    ATTEMPTS,
    EVENTS,
    FINDINGS,
    MANNERS,
    NOTICES,
    OUTCOMES,
    QUEUES,
    SEVERITIES,
    STANDINGS,
    STATES,
    VERDICTS,
    WAYS,
    WHY_THIS_DATE,
    word,
)
from gateway.texts import LANGUAGE_NAMES, Language, Translator, language_of, translator

STATIC: Final = Path(__file__).with_name("static")
PERSONAL: Final = {"Cache-Control": "no-store"}
# The list, or the device, that stands one step above an address of the planner's.
_ABOVE: Final = re.compile(
    r"/planner/(?:devices/[^/]+(?=/)|(?:devices|parts|deliveries|incidents|outbox|rollouts|routes)(?=/))"
)
# From 400 on something went wrong; who is not signed in, or finds no desk, has nowhere to go back to.
_LEAST_FAILURE: Final = 400
_LEADS_NOWHERE: Final = frozenset({401, 503})


@lru_cache
def _static_version() -> str:
    content = b"".join(file.read_bytes() for file in sorted(STATIC.iterdir()))
    return hashlib.sha256(content).hexdigest()[:12]


def static(name: str) -> str:
    """Return the address of a static file; it changes with the content, so that browsers may keep it for ever."""
    return f"/static/{name}?v={_static_version()}"


def _text(t: Translator, text: object) -> str:
    return t.gettext(str(text))


def _said(t: Translator, vocabulary: Mapping[str, str], name: str) -> str:
    return t.gettext(word(vocabulary, name))


def _alarm(t: Translator, alarm: Alarm) -> str:
    """Return what is wrong, with what was measured as people read it."""
    share = THRESHOLDS[alarm.kind].unit == "share"
    value = t.percent(alarm.value) if share else t.number(alarm.value, 0)
    return t.gettext(ALARMS[alarm.kind]) % {"value": value}


@lru_cache
def _environment(language: Language) -> Environment:
    t = translator(language)
    environment = Environment(
        loader=PackageLoader("dashboards", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # the extension adds it
        t.gettext, t.ngettext, newstyle=True
    )
    words = {
        "state": STATES,
        "severity": SEVERITIES,
        "why": WHY_THIS_DATE,
        "queue": QUEUES,
        "verdict": VERDICTS,
        "outcome": OUTCOMES,
        "delivery": DELIVERIES,
        "movement": MOVEMENTS,
        "manner": MANNERS,
        "actor": ACTORS,
        "event": EVENTS,
        "notice": NOTICES,
        "liveness": LIVENESS,
        "trouble": TROUBLES,
        "attention": ATTENTION,
        "attention_act": ATTENTION_ACTS,
        "trouble_move": TROUBLE_MOVES,
        "gap": GAP_STATES,
        "command": COMMAND_STATES,
        "act": ACTS,
        "rule": RULES,
        "clause": CLAUSES,
        "route_outcome": ROUTE_OUTCOMES,
        "unplanned": UNPLANNED,
        "way": WAYS,
        "answer": ANSWERS,
        "attempt": ATTEMPTS,
        "standing": STANDINGS,
        "rollout": ROLLOUTS,
        "finding": FINDINGS,
    }
    # A filter per vocabulary: {{ row.state | state }} is the state in words.
    for name, vocabulary in words.items():
        environment.filters[name] = partial(_said, t, vocabulary)
    environment.filters["alarm"] = partial(_alarm, t)
    environment.filters["said"] = partial(_text, t)
    return environment


def page(
    name: str,
    t: Translator,
    context: dict[str, object],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Return a page made from a template.

    Parameters
    ----------
    name : str
        The template, without its folder.
    context : dict
        What the template shows.
    """
    template = _environment(t.language).get_template(name)
    shared: dict[str, object] = {"t": t, "languages": LANGUAGE_NAMES, "static": static}
    return HTMLResponse(template.render(shared | context), status, headers=PERSONAL | (headers or {}))


def asked_language(request: Request, known: str | None = None) -> Language:
    """Return the language asked for in the address, else the person's own, else the browser's."""
    return language_of(request.query_params.get("lang") or known or request.headers.get("accept-language"))


def same_language(request: Request, path: str, **query: str) -> str:
    """Return an address with a query, keeping the language that was chosen in the present one."""
    if "lang" in request.query_params:
        query["lang"] = asked_language(request)
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return path + (f"?{text}" if text else "")


def voice(request: Request, known: str | None = None) -> Translator:
    """Return the translator for a request; `known` is the language that we know the person speaks."""
    return translator(asked_language(request, known))


def message(
    request: Request,
    t: Translator,
    *,
    title: str,
    text: str,
    status: int,
    headers: dict[str, str] | None = None,
    back: str = "",
) -> Response:
    """Return a page that says one thing and the next move; `back` is the path of a page to go back to.

    Where none is given, what goes wrong on a planner's page leads one step up, at most to the queue.
    """
    way = back or (way_back(request.url.path) if status >= _LEAST_FAILURE and status not in _LEADS_NOWHERE else "")
    context: dict[str, object] = {"title": title, "text": text, "request": request, "back": way}
    return page("message.html", t, context, status=status, headers=headers)


def way_back(path: str) -> str:
    """Return the page to go back to from an address of the planner's; empty for any other.

    Examples
    --------
    >>> way_back("/planner/requests/99"), way_back("/planner/parts/X"), way_back("/planner/devices/ev-1/signals/x")
    ('/planner', '/planner/parts', '/planner/devices/ev-1')
    >>> way_back("/o/token/date")
    ''
    """
    if not path.startswith("/planner/"):
        return ""
    above = _ABOVE.match(path)
    return above[0] if above else "/planner"
