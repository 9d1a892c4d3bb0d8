"""The page on which an owner begins: one of his devices, what is wrong with it or what he wishes, in plain words.

It opens from the page of a request, and from the page of a device. Choosing a device is a link, so that it works without a script; GET changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.guards import refuse_foreign_form
from dashboards.links import ExpiredLinkError, UnknownLinkError, opened
from dashboards.numbers import LARGEST_BIGINT, LARGEST_INT
from dashboards.owner import OwnerLink, living_link
from dashboards.render import page, same_language, voice
from devices.products import product_type
from gateway import access
from gateway.access import Purpose
from gateway.owners import beginning
from gateway.owners.beginning import Begun, NotHis, Report
from gateway.storage import beginnings
from gateway.storage.requests import find_owner
from workflows.beginning import Wish

router: Final = APIRouter(include_in_schema=False)

_MOST_DEVICES: Final = 50
DeviceId = Annotated[int | None, Query(ge=1, le=LARGEST_INT)]
Device = Annotated[int, Form(ge=1, le=LARGEST_INT)]
RequestId = Annotated[int, Form(alias="request", ge=1, le=LARGEST_BIGINT)]
Chosen = Annotated[str, Form(max_length=120)]
Words = Annotated[str, Form(max_length=1000), StringConstraints(strip_whitespace=True)]


@dataclass(frozen=True, slots=True)
class BeginLink:
    """A link that opens the page to one owner, by whichever way it came."""

    tenant_id: int
    owner_id: int
    device_id: int
    base: str
    mandate: str
    back: str
    is_expired: bool

    def path(self, request: Request, **query: str) -> str:
        """Return the page's path, keeping the language that the owner chose."""
        return same_language(request, f"{self.base}/begin", **query)


def of_request(link: Annotated[OwnerLink, Depends(living_link)], desk: TheDesk, now: Now) -> BeginLink:
    """Return what the link of a request opens: the page for all devices of its owner."""
    with desk.tenant(link.claim.tenant_id) as conn:
        found = find_owner(conn, link.request_id)
    if found is None:
        raise UnknownLinkError
    device_id, owner_id = found
    base = f"/o/{link.token}"
    return BeginLink(
        link.claim.tenant_id, owner_id, device_id, base, f"{base}/device", base, link.access.is_expired(now)
    )


def of_device(request: Request, token: str, desk: TheDesk, now: Now) -> BeginLink:
    """Return what the link of a device opens: the same page, for all devices of the owner that it was made for."""
    claim, found = opened(desk, token, Purpose.OWNER_DEVICE)
    if found.device_id is None or found.owner_id is None:
        raise UnknownLinkError
    base = f"/d/{token}"
    if request.method == "POST" and found.is_expired(now):
        raise ExpiredLinkError(base)
    return BeginLink(claim.tenant_id, found.owner_id, found.device_id, base, base, "", found.is_expired(now))


ByRequest = Annotated[BeginLink, Depends(of_request)]
ByDevice = Annotated[BeginLink, Depends(of_device)]


@router.get("/o/{token}/begin")
def show(request: Request, desk: TheDesk, link: ByRequest, device: DeviceId = None) -> Response:
    """Show an owner's devices, and what he may say of the one that he chose."""
    return _show(request, desk, link, device)


@router.get("/d/{token}/begin")
def show_from_device(request: Request, desk: TheDesk, link: ByDevice, device: DeviceId = None) -> Response:
    """Show the same to who comes from the page of a device."""
    return _show(request, desk, link, device)


def _show(request: Request, desk: TheDesk, link: BeginLink, device: int | None) -> Response:
    with desk.tenant(link.tenant_id) as conn:
        person = beginnings.person_of(conn, link.owner_id)
        if person is None:
            raise UnknownLinkError
        t = voice(request, person.language)
        if link.is_expired:
            return RedirectResponse(link.base, 303)
        owned = beginnings.devices_of(conn, link.owner_id, _MOST_DEVICES)
        wanted = device or link.device_id
        chosen = next((each for each in owned if each.device_id == wanted), owned[0] if owned else None)
        context: dict[str, object] = {
            "request": request,
            "link": link,
            "person": person,
            "owned": owned,
            "chosen": chosen,
            "product": None if chosen is None else product_type(chosen.product),
            "product_of": product_type,
            "open_requests": [] if chosen is None else beginnings.requests_of(conn, chosen.device_id),
            "refused": request.query_params.get("note", "") == "refused",
        }
    return page("begin.html", t, context)


@router.post("/o/{token}/begin", dependencies=[Depends(refuse_foreign_form)])
def begin(
    request: Request,
    desk: TheDesk,
    link: ByRequest,
    now: Now,
    device: Device,
    wish: Annotated[Wish, Form()],
    what: Chosen,
    words: Words = "",
) -> Response:
    """Take what he says; he comes to the page of the request that it is part of."""
    component, _, fault = what.partition("/")
    return _begin(request, desk, link, device, Report(component, fault, words, wish), now)


@router.post("/d/{token}/begin", dependencies=[Depends(refuse_foreign_form)])
def begin_from_device(
    request: Request,
    desk: TheDesk,
    link: ByDevice,
    now: Now,
    device: Device,
    wish: Annotated[Wish, Form()],
    what: Chosen,
    words: Words = "",
) -> Response:
    """Take the same from who comes from the page of a device."""
    component, _, fault = what.partition("/")
    return _begin(request, desk, link, device, Report(component, fault, words, wish), now)


@router.post("/o/{token}/request", dependencies=[Depends(refuse_foreign_form)])
def go_to(request: Request, desk: TheDesk, link: ByRequest, now: Now, number: RequestId) -> Response:
    """Lead to the page of another open request of his, behind a link of its own as its letter would carry."""
    return _go_to(request, desk, link, number, now)


@router.post("/d/{token}/request", dependencies=[Depends(refuse_foreign_form)])
def go_to_from_device(request: Request, desk: TheDesk, link: ByDevice, now: Now, number: RequestId) -> Response:
    """Lead to the page of an open request, for who comes from the page of a device."""
    return _go_to(request, desk, link, number, now)


def _go_to(request: Request, desk: TheDesk, link: BeginLink, request_id: int, now: datetime) -> Response:
    if link.is_expired:
        return RedirectResponse(link.base, 303)
    with desk.tenant(link.tenant_id) as conn:
        if not beginnings.is_open_to(conn, request_id, link.owner_id):
            return RedirectResponse(link.path(request, note="refused"), 303)
        address = access.issue_owner_link(conn, desk.settings, tenant_id=link.tenant_id, request_id=request_id, now=now)
    return RedirectResponse(same_language(request, address.removeprefix(desk.settings.base_url)), 303)


def _begin(request: Request, desk: TheDesk, link: BeginLink, device: int, report: Report, now: datetime) -> Response:
    if link.is_expired:
        return RedirectResponse(link.base, 303)
    with desk.tenant(link.tenant_id) as conn:
        outcome = beginning.report(
            conn,
            device_id=device,
            owner_id=link.owner_id,
            report=report,
            now=now,
        )
        match outcome:
            case NotHis():
                return RedirectResponse(link.path(request, note="refused"), 303)
            case Begun(request_id=request_id, is_new=is_new):
                address = access.issue_owner_link(
                    conn, desk.settings, tenant_id=link.tenant_id, request_id=request_id, now=now
                )
    path = address.removeprefix(desk.settings.base_url)
    return RedirectResponse(same_language(request, path, note="begun" if is_new else "added"), 303)
