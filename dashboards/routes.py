"""The planner's page of routes: days that were planned anew, what it was worth, and a form to ask for one more."""

from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.numbers import LARGEST_INT
from dashboards.render import message, page
from gateway.routing.solve import has_solver
from gateway.storage import replans
from gateway.storage.pages.door import desk_zone
from gateway.telling import defer_replan

router: Final = APIRouter(prefix="/planner/routes", include_in_schema=False)

_ROWS: Final = 20
# Dates are offered so far ahead, and no farther.
_DAYS_AHEAD: Final = 60


@router.get("")
def show(request: Request, desk: TheDesk, session: TheSession, now: Now) -> Response:
    """Show the newest plans, and which centres there are."""
    with desk.tenant(session.tenant_id) as conn:
        rows = replans.newest_plans(conn, _ROWS)
        centres = replans.centres(conn)
        zone_name = desk_zone(conn)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "rows": rows,
        "centres": centres,
        "zone_name": zone_name,
        "has_solver": has_solver(),
        "is_nightly": desk.settings.replan_routes,
        "first": now.date() + timedelta(days=1),
        "last": now.date() + timedelta(days=_DAYS_AHEAD),
    }
    return page("routes.html", session.translator, context)


@router.post("", dependencies=[Depends(own_form)])
def ask(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    centre: Annotated[int, Form(ge=1, le=LARGEST_INT)],
    day: Annotated[date, Form()],
) -> Response:
    """Ask for a day to be planned anew; it is done within seconds, by the work."""
    t = session.translator
    if not timedelta(days=-1) <= day - now.date() <= timedelta(days=_DAYS_AHEAD + 1):
        return message(
            request,
            t,
            title=t.gettext("This day cannot be planned"),
            text=t.gettext("Choose a day from today on, within the next two months. Go back to the routes."),
            status=422,
        )
    with desk.tenant(session.tenant_id) as conn:
        if centre not in dict(replans.centres(conn)):
            return message(
                request,
                t,
                title=t.gettext("There is no such service centre"),
                text=t.gettext("It belongs to another service desk, or was removed. Go back to the routes."),
                status=404,
            )
        plan_id = replans.begin_plan(conn, centre, day, f"staff-{session.staff.staff_id}", now)
        if plan_id is not None:
            defer_replan(conn, plan_id)
    return RedirectResponse("/planner/routes", 303)
