"""What a planner does about a request's price: grants goodwill, takes it back, or writes down a yes on the telephone."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT
from dashboards.request import Reason, RequestId
from gateway.quotes import quoting

router: Final = APIRouter(prefix="/planner/requests", include_in_schema=False)

Percent = Annotated[int, Form(ge=1, le=100)]
QuoteId = Annotated[int, Form(ge=1, le=LARGEST_BIGINT)]


@router.post("/{request_id}/goodwill", dependencies=[Depends(own_form)])
def grant(
    desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, percent: Percent, reason: Reason
) -> Response:
    """Pay a share of what is left, with a reason."""
    with desk.tenant(session.tenant_id) as conn:
        quoting.grant_goodwill(
            conn,
            request_id=request_id,
            staff_id=session.staff.staff_id,
            per_mille=percent * 10,
            reason=reason,
            now=now,
        )
    return _back(request_id)


@router.post("/{request_id}/goodwill/withdraw", dependencies=[Depends(own_form)])
def withdraw(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId) -> Response:
    """Take goodwill back; what the owner has agreed to stays."""
    with desk.tenant(session.tenant_id) as conn:
        quoting.withdraw_goodwill(conn, request_id=request_id, staff_id=session.staff.staff_id, now=now)
    return _back(request_id)


@router.post("/{request_id}/agree", dependencies=[Depends(own_form)])
def agree(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, quote: QuoteId) -> Response:
    """Write down that the owner said yes to the price."""
    with desk.tenant(session.tenant_id) as conn:
        quoting.agree(conn, request_id=request_id, quote_id=quote, now=now, actor=f"staff-{session.staff.staff_id}")
    return _back(request_id)


def _back(request_id: int) -> Response:
    return RedirectResponse(f"/planner/requests/{request_id}#price", 303)
