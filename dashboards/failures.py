"""Pages for what goes wrong: each says what happened and the next move, in the reader's language."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException

from dashboards.guards import ForeignFormError
from dashboards.links import ExpiredLinkError, UnknownLinkError
from dashboards.login import NotLoggedInError
from dashboards.render import message, voice
from gateway.texts import msgid

_LOG: Final = logging.getLogger(__name__)
_RETRY_AFTER_S: Final = 10
# The page on which a form stands, by the address that it is sent to.
_PAGE_OF_A_FORM: Final = re.compile(
    r"/planner/(requests|schedule|parts|devices|incidents)/[^/]+(?=/)|/[odt]/[^/]+(?=/)"
)
# What fields are called on the pages, where that is another word than their name.
FIELDS: Final = {
    "reason": msgid("Why"),
    "begins": msgid("From"),
    "ends": msgid("Until"),
    "until": msgid("Until the end of"),
    "day": msgid("Date"),
    "note": msgid("Note"),
    "word": msgid("What it was"),
    "counted": msgid("How many lie there"),
    "opens": msgid("Opens at (empty: closed)"),
    "closes": msgid("Closes at"),
    "not_before": msgid("Not before"),
    "name": msgid("Repairer’s name"),
    "email": msgid("Repairer’s e-mail"),
    "what": msgid("What is it about?"),
    "wish": msgid("What would you like?"),
}
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _BAD_REQUEST, _UNAVAILABLE = 401, 403, 404, 400, 503


def expired_link(_request: Request, error: Exception) -> Response:
    """Lead a form that came too late to the page that says so, and offers a new link."""
    if not isinstance(error, ExpiredLinkError):
        raise error
    return RedirectResponse(error.path, 303)


def unknown_link(request: Request, _error: Exception) -> Response:
    """Answer a link that is not ours."""
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("This link does not work"),
        text=t.gettext(
            "It may have been cut off when it was copied. Open it again from our message, or call the number in it."
        ),
        status=_NOT_FOUND,
    )


def not_logged_in(request: Request, _error: Exception) -> Response:
    """Answer somebody without a session."""
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("Please sign in"),
        text=t.gettext(
            "These pages are for staff. You come in by a link that works once: whoever runs the desk makes it with `callout login`."
        ),
        status=_UNAUTHORISED,
    )


def foreign_form(request: Request, _error: Exception) -> Response:
    """Answer a form that another site sent."""
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("We did not accept this form"),
        text=t.gettext(
            "It did not come from our own page. Nothing was changed. Open the page again and repeat it there."
        ),
        status=_FORBIDDEN,
    )


def unreadable_form(request: Request, error: Exception) -> Response:
    """Answer an address or a form with values that cannot be."""
    if _is_api(request):
        return _problem(422, "The request cannot be read", {"errors": _faults_of(error)})
    t = voice(request)
    page = _PAGE_OF_A_FORM.match(request.url.path) if request.method == "POST" else None
    fields = [each["location"].rpartition(".")[2] for each in _faults_of(error)]
    named = ", ".join(t.gettext(FIELDS[field]) if field in FIELDS else field for field in dict.fromkeys(fields))
    return message(
        request,
        t,
        title=t.gettext("Something in this form is missing or cannot be read"),
        text=t.gettext("Nothing was changed. Missing or not readable: %(fields)s.") % {"fields": named},
        status=_BAD_REQUEST,
        back=page[0] if page else "",
    )


def _faults_of(error: Exception) -> list[dict[str, str]]:
    """Return where each value that cannot be read stands, and why; never the value: it may be a secret."""
    problems: Sequence[Mapping[str, object]] = error.errors() if isinstance(error, RequestValidationError) else []
    return [
        {
            "location": ".".join(str(part) for part in cast("Sequence[object]", problem["loc"])),
            # What our own validators say needs no name of their kind before it.
            "detail": str(problem["msg"]).removeprefix("Value error, "),
        }
        for problem in problems
    ]


def no_database(request: Request, error: Exception) -> Response:
    """Answer while the database is away."""
    _LOG.warning("the database does not answer: %s", error)
    headers = {"Retry-After": str(_RETRY_AFTER_S)}
    if _is_api(request):
        return _problem(_UNAVAILABLE, "The database does not answer; try again later", {}, headers)
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("We cannot be reached right now"),
        text=t.gettext("Nothing is lost, and nothing was changed. Please try again in a minute."),
        status=_UNAVAILABLE,
        headers=headers,
    )


def other_status(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: an unknown address, a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if _is_api(request):
        title = str(error.detail) if isinstance(error, HTTPException) else "The request failed"
        return _problem(status, title, {}, headers)
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("There is nothing here") if status == _NOT_FOUND else t.gettext("This is not possible"),
        text=t.gettext("The address may be mistyped. Open the page again from our message or from the queue."),
        status=status,
        headers=headers,
    )


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _problem(status: int, title: str, more: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    content = {"type": "about:blank", "title": title, "status": status} | more
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


def answer_failures(app: FastAPI) -> None:
    """Give an application its pages for what goes wrong."""
    app.add_exception_handler(UnknownLinkError, unknown_link)
    app.add_exception_handler(ExpiredLinkError, expired_link)
    app.add_exception_handler(NotLoggedInError, not_logged_in)
    app.add_exception_handler(ForeignFormError, foreign_form)
    app.add_exception_handler(RequestValidationError, unreadable_form)
    app.add_exception_handler(HTTPException, other_status)
    for error in (PoolTimeout, TooManyRequests, psycopg.OperationalError):
        app.add_exception_handler(error, no_database)
