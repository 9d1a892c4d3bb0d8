"""The owner's answer to the one question that he may be asked: one tap, and the first tap counts."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.guards import refuse_foreign_form
from dashboards.owner import TheLink
from gateway.remedies import asking
from workflows.asking import Answer

router: Final = APIRouter(prefix="/o", include_in_schema=False)


@router.post("/{token}/answer", dependencies=[Depends(refuse_foreign_form)])
def give(request: Request, desk: TheDesk, link: TheLink, now: Now, answer: Annotated[Answer, Form()]) -> Response:
    """Take the owner's answer; a second one, or one that comes too late, changes nothing."""
    note = "settled"
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            if asking.answer(conn, request_id=link.request_id, said=answer, now=now):
                note = "answered"
    return RedirectResponse(link.path(request, note=note), 303)
