"""The page of an outside repairer: one request's fault, evidence, curves and receipt; to be read, and nothing else.

Each opening asks for the owner's clause anew. It names no owner and no place, and leads to no other page of the desk.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from dashboards.decisions import decisions
from dashboards.desk import Now, TheDesk
from dashboards.figures import element_label, figures
from dashboards.links import UnknownLinkError, opened
from dashboards.numbers import Number
from dashboards.render import PERSONAL, message, page, voice
from dashboards.tails import share_text
from dashboards.weighed import tried
from devices.products import product_type
from diagnostics.receipt import canonical, read
from gateway.access import Purpose
from gateway.notices.matter import Matter
from gateway.owners import sharing
from gateway.storage import receipts
from gateway.storage.pages.request import RequestRow, find_request
from gateway.storage.shares import Share

router: Final = APIRouter(prefix="/r", include_in_schema=False)

_FIGURES: Final = 3


@dataclass(frozen=True, slots=True)
class RepairerLink:
    """A link that is ours: its text, its tenant, and what it shows."""

    token: str
    tenant_id: int
    share_id: int


def repairer_link(token: str, desk: TheDesk) -> RepairerLink:
    """Return what a link shows; whether it may be read now is asked when it is.

    Raises
    ------
    UnknownLinkError
        Its signature is not ours or the database does not know it.
    """
    claim, found = opened(desk, token, Purpose.REPAIRER)
    if found.share_id is None:
        raise UnknownLinkError
    return RepairerLink(token, claim.tenant_id, found.share_id)


TheLink = Annotated[RepairerLink, Depends(repairer_link)]


@router.get("/{token}")
def show(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Show the evidence of one request."""
    with desk.tenant(link.tenant_id) as conn:
        match sharing.look(conn, link.share_id, now):
            case sharing.Over():
                return _over(request)
            case sharing.Opened(share=share):
                row = _request(find_request(conn, share.request_id))
        t = voice(request, row.owner_language)
        product = product_type(row.product)
        zone_name = row.place_time_zone
        matter = Matter(row, None)
        context: dict[str, object] = {
            "request": request,
            "now": now,
            "row": row,
            "share": share,
            "matter": matter,
            "fault": matter.fault(),
            "product": product,
            "hypotheses": row.ranked(),
            "zone_name": zone_name,
            "figures": figures(conn, row, t, zone_name=zone_name, now=now, at_most=_FIGURES),
            "tried": tried(conn, row.request_id, product, now),
            "decisions": decisions(conn, row.request_id, product),
            "receipts_at": f"/r/{link.token}/decisions",
            "element_label": element_label,
            "share_text": share_text,
        }
    return page("repairer.html", t, context)


@router.get("/{token}/decisions/{decision_id}")
def download(request: Request, desk: TheDesk, link: TheLink, now: Now, decision_id: Number) -> Response:
    """Hand over the receipt of a decision about this request as JSON, and of no other."""
    with desk.tenant(link.tenant_id) as conn:
        match sharing.look(conn, link.share_id, now):
            case sharing.Over():
                return _over(request)
            case sharing.Opened(share=Share(request_id=request_id)):
                decision = receipts.find_decision(conn, decision_id)
    if decision is None or decision.request_id != request_id:
        raise UnknownLinkError
    document = read(decision.receipt) | {"decision": decision.decision_id, "sha256": decision.sha256}
    name = f"callout-decision-{decision.decision_id}.json"
    return Response(
        canonical(document),
        media_type="application/json",
        headers=PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _request(row: RequestRow | None) -> RequestRow:
    if row is None:
        raise UnknownLinkError
    return row


def _over(request: Request) -> Response:
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("This is no longer shared"),
        text=t.gettext("The owner has ended it, or the work is done. Ask the owner if you still need it."),
        status=410,
    )
