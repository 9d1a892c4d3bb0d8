"""What was found at a date, as a planner says it on the page of its request."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Response
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.request import RequestId, back
from gateway.dates import completing
from gateway.dates.completing import Report
from workflows.completing import Found, Next

router: Final = APIRouter(prefix="/planner/requests", include_in_schema=False)

Note = Annotated[str, Form(max_length=500), StringConstraints(strip_whitespace=True)]
Step = Annotated[Next, Form(alias="next")]


@router.post("/{request_id}/complete", dependencies=[Depends(own_form)])
def complete(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    request_id: RequestId,
    finding: Annotated[Found, Form()],
    part: Annotated[list[int] | None, Form(max_length=50)] = None,
    note: Note = "",
    next_step: Step = Next.DATES,
) -> Response:
    """End the date by what was found: repaired, nothing wrong, or not done."""
    report = Report(finding, frozenset(part or ()), note, next_step)
    with desk.tenant(session.tenant_id) as conn:
        outcome = completing.complete(
            conn, request_id=request_id, by=f"staff-{session.staff.staff_id}", report=report, now=now
        )
    return back(request_id, outcome)
