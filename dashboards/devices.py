"""The planner's list of devices: a search box, filters, and fifty rows a page, whatever the size of the fleet."""

from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from dashboards.desk import Now, TheDesk
from dashboards.liveness import LIVENESS, state_of
from dashboards.login import TheSession
from dashboards.numbers import LARGEST_BIGINT, LARGEST_INT
from dashboards.render import page
from devices.products import product_types
from gateway.storage.pages import devices
from gateway.storage.pages.devices import Wanted
from gateway.storage.pages.incidents import find_incident
from gateway.storage.troubles import KINDS

router: Final = APIRouter(prefix="/planner/devices", include_in_schema=False)

ROWS: Final = 50
_WORDS_AT_MOST: Final = 8
_LETTERS_AT_MOST: Final = 100


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    q: Annotated[str, Query(max_length=1000)] = "",
    product: str = "",
    state: str = "",
    requests: bool = False,
    faults: bool = False,
    trouble: str = "",
    incident: Annotated[int, Query(ge=0, le=LARGEST_BIGINT)] = 0,
    below: str = "",
) -> Response:
    """Show the devices that fit, newest first; what an address asks for that we do not have asks for nothing."""
    wanted = Wanted(
        words=readable(q),
        product=product if product in product_types() else "",
        state=state if state in LIVENESS else "",
        with_request=requests,
        with_fault=faults,
        trouble=trouble if trouble in {*KINDS, devices.ANY_TROUBLE} else "",
        incident=incident,
    )
    with desk.tenant(session.tenant_id) as conn:
        state_at = partial(state_of, listened_at=devices.listened_at(conn, now))
        found = devices.listed(conn, wanted, state_at, below=_below(below), limit=ROWS)
        counts = devices.counts(conn)
        region = find_incident(conn, wanted.incident) if wanted.incident else None
    asked = asked_again(wanted)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "found": found,
        "wanted": wanted,
        "counts": counts,
        "counted_at_most": devices.COUNTED_AT_MOST,
        "found_at_most": devices.FOUND_AT_MOST,
        "walked": devices.WALKED,
        "products": product_types(),
        "states": LIVENESS,
        "state_of": state_at,
        "troubles": KINDS,
        "region": region,
        "asked": asked,
        "following": urlencode({**asked, "below": found.following}) if found.following is not None else "",
        "is_first": not below,
    }
    return page("devices.html", session.translator, context)


def readable(text: str) -> str:
    r"""Return what somebody looks for as few words, without what no name holds.

    >>> readable("  kim\x00 \n seoul ")
    'kim seoul'
    """
    words = "".join(letter if letter.isprintable() else " " for letter in text[:_LETTERS_AT_MOST]).split()
    return " ".join(words[:_WORDS_AT_MOST])


def asked_again(wanted: Wanted) -> dict[str, str]:
    """Return what is looked for as an address carries it."""
    asked = {
        "q": wanted.words,
        "product": wanted.product,
        "state": wanted.state,
        "requests": "true" if wanted.with_request else "",
        "faults": "true" if wanted.with_fault else "",
        "trouble": wanted.trouble,
        "incident": str(wanted.incident) if wanted.incident else "",
    }
    return {name: value for name, value in asked.items() if value}


def _below(text: str) -> int | None:
    """Read a place in the list out of an address; the first page for what is none."""
    if not (text.isdecimal() and text.isascii() and len(text) < 12):
        return None
    return min(int(text), LARGEST_INT)
