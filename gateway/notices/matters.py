"""Which letter a row of the outbox asks for: reads what it is about and puts it into words."""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.access import issue_device_link, issue_owner_link
from gateway.notices import asked, booked, danger, healed, links, offered, priced, refit, shared, welcome
from gateway.notices.case import case_opened
from gateway.notices.incident import incident_opened
from gateway.notices.invitation import Method, invitation
from gateway.notices.letter import Letter
from gateway.notices.matter import Matter
from gateway.notices.notice import Notice, NoticeError
from gateway.notices.price import find_price
from gateway.settings import Settings
from gateway.storage.connection import Connection
from gateway.storage.owners import find_owner
from gateway.storage.pages.door import staff_name_for
from gateway.storage.pages.history import human_cases
from gateway.storage.pages.incidents import find_incident
from gateway.storage.pages.request import (
    AppointmentRow,
    OfferedDate,
    RequestRow,
    find_appointment,
    find_centre,
    find_request,
    latest_appointment,
    offer_dates,
    open_dates,
)
from gateway.storage.told import was_shown_dates
from gateway.texts import Translator, language_of, translator


@dataclass(frozen=True, slots=True)
class Written:
    """A letter with its recipient's name and, where there is an appointment, the calendar entry."""

    letter: Letter
    recipient_name: str
    translator: Translator
    calendar: tuple[Method, bytes] | None = None


def link_for(conn: Connection, settings: Settings, notice: Notice, now: datetime) -> str:
    """Return the address that a notice leads to: the owner's page behind a new link, or the planner's."""
    if notice.incident_id is not None:
        return f"{settings.base_url}/planner/incidents"
    if notice.device_id is not None and notice.owner_id is not None:
        return issue_device_link(
            conn, settings, tenant_id=notice.tenant_id, device_id=notice.device_id, owner_id=notice.owner_id, now=now
        )
    request_id = notice.about_request()
    if notice.kind == "case_opened":
        return f"{settings.base_url}/planner/requests/{request_id}"
    if notice.kind == "shared":
        return shared.link_for(conn, settings, notice.number("share_id"), notice.tenant_id, now)
    if (owner_id := notice.other_owner) is not None:
        # The request is another's: he reads of it on the device's page, which is his, too.
        device_id = _request(conn, notice).device_id
        return issue_device_link(
            conn, settings, tenant_id=notice.tenant_id, device_id=device_id, owner_id=owner_id, now=now
        )
    return issue_owner_link(conn, settings, tenant_id=notice.tenant_id, request_id=request_id, now=now)


def _request(conn: Connection, notice: Notice) -> RequestRow:
    """Return the request that a notice is about, in the name of the owner to whom it goes."""
    request_id = notice.about_request()
    request = find_request(conn, request_id)
    if request is None:
        message = f"notice {notice.notice_id} is about request {request_id}, which does not exist"
        raise NoticeError(message)
    if (owner_id := notice.other_owner) is None:
        return request
    return replace(request, owner_name=find_owner(conn, owner_id).name)


def write(conn: Connection, settings: Settings, notice: Notice, link: str, now: datetime) -> Written:
    """Put a notice into words; to be called within the tenant's transaction.

    Raises
    ------
    NoticeError
        The kind is not known, or what the notice is about is not there.
    """
    t = translator(language_of(notice.language))
    if notice.incident_id is not None:
        return _incident(conn, notice, notice.incident_id, t, link)
    if notice.device_id is not None and notice.owner_id is not None:
        letter, name = welcome.welcome(conn, notice.device_id, notice.owner_id, t, link)
        return Written(letter, name, t)
    request = _request(conn, notice)
    request_id = request.request_id
    dates: tuple[OfferedDate, ...] = ()
    match notice.kind:
        case "offer":
            dates = _still_open(offer_dates(conn, notice.number("offer_id")), request.state)
        case "earlier" | "date_misfit" | "called_off":
            dates = tuple(open_dates(conn, request_id, now))
        case "confirmed" | "cancelled" | "completed" | "date_lost":
            pass
        case "safety" | "case_opened" | "link" | "quote" | "ask" | "deposit_due" | "healed" | "shared":
            pass
        case unknown:
            message = f"notice {notice.notice_id} has the kind {unknown!r}, for which there is no letter"
            raise NoticeError(message)
    appointment = _appointment(conn, notice, request_id)
    centre = find_centre(conn, _centre_id(dates, appointment))
    matter = Matter(request, centre, dates, appointment, find_price(conn, request, t.language))
    return _written(conn, settings, notice, matter, t, link, now)


def _appointment(conn: Connection, notice: Notice, request_id: int) -> AppointmentRow | None:
    """Return the date that a letter is about: the one that it names, whatever came after it; else the one that stands."""
    if "appointment_id" in notice.detail:
        # None, or 0 in letters of old: it names none, because none ended with what it tells of.
        return find_appointment(conn, notice.number("appointment_id")) if notice.detail["appointment_id"] else None
    latest = latest_appointment(conn, request_id)
    # Cancellations that were written by an earlier version name no date: they mean one that was taken back, if any.
    meant = "cancelled" if notice.kind in {"cancelled", "date_lost"} else "confirmed"
    return latest if latest is not None and latest.state == meant else None


def _written(
    conn: Connection, settings: Settings, notice: Notice, matter: Matter, t: Translator, link: str, now: datetime
) -> Written:
    owner = matter.request.owner_name
    match notice.kind:
        case "offer":
            return Written(offered.offer(matter, t, link), owner, t)
        case "earlier":
            return Written(offered.earlier(matter, t, link, is_last=notice.detail.get("is_last") is True), owner, t)
        case "date_misfit":
            return Written(refit.date_misfit(matter, t, link), owner, t)
        case "called_off":
            entry = _entry(conn, settings, matter, t, "CANCEL", link, now) if _is_over(matter) else None
            return Written(offered.called_off(matter, t, link), owner, t, entry)
        case "deposit_due":
            return Written(priced.deposit_due(matter, t, link), owner, t)
        case "quote":
            return Written(priced.quote(matter, t, link), owner, t)
        case "safety":
            return Written(danger.safety(matter, t, link), owner, t)
        case "ask":
            return Written(asked.ask(conn, matter, t, link), owner, t)
        case "healed":
            return Written(healed.healed(conn, matter, t, link, notice.detail), owner, t)
        case "shared":
            letter, name = shared.shared(conn, matter, t, link, notice.number("share_id"))
            return Written(letter, name, t)
        case "link":
            return Written(links.new_link(matter, t, link), owner, t)
        case "case_opened":
            return _case(conn, notice, matter, t, link)
        case "confirmed":
            entry = _entry(conn, settings, matter, t, "REQUEST", link, now)
            return Written(booked.confirmed(matter, t, link), owner, t, entry)
        case "completed":
            return Written(booked.completed(matter, t, link, notice.detail), owner, t)
        case "date_lost":
            entry = _entry(conn, settings, matter, t, "CANCEL", link, now)
            return Written(booked.date_lost(matter, t, link), owner, t, entry)
        case _:
            was_shown = was_shown_dates(conn, matter.request.request_id)
            letter = booked.cancelled(matter, t, link, was_shown_dates=was_shown)
            return Written(letter, owner, t, _entry(conn, settings, matter, t, "CANCEL", link, now))


def _is_over(matter: Matter) -> bool:
    """Whether the appointment is one that was called off, and not one that stands."""
    return matter.appointment is not None and matter.appointment.state == "cancelled"


def _still_open(dates: list[OfferedDate], state: str) -> tuple[OfferedDate, ...]:
    """Return the dates of an offer as long as they can be chosen: a late letter must not promise what is gone."""
    return tuple(dates) if state == "offered" else ()


def _centre_id(dates: tuple[OfferedDate, ...], appointment: AppointmentRow | None) -> int | None:
    """Return where a letter's dates are; where it offers none, where the date is that it is about."""
    if dates:
        return dates[0].centre_id
    return appointment.centre_id if appointment is not None else None


def _entry(
    conn: Connection, settings: Settings, matter: Matter, t: Translator, method: Method, link: str, now: datetime
) -> tuple[Method, bytes] | None:
    booked = matter.appointment
    if booked is None:
        return None
    # The dates beside it may be at another centre: what stands in the calendar is where it was booked.
    there = replace(matter, centre=find_centre(conn, booked.centre_id))
    return method, invitation(there, booked, t, method=method, mail_from=settings.mail_from, link=link, now=now)


def _case(conn: Connection, notice: Notice, matter: Matter, t: Translator, link: str) -> Written:
    name = staff_name_for(conn, notice.recipient) or notice.recipient
    case = next((case for case in human_cases(conn, notice.about_request()) if case.closed_at is None), None)
    letter = case_opened(
        matter,
        t,
        link,
        staff_name=name,
        due_at=case.due_at if case else None,
        reason=case.reason if case else "",
    )
    return Written(letter, name, t)


def _incident(conn: Connection, notice: Notice, incident_id: int, t: Translator, link: str) -> Written:
    row = find_incident(conn, incident_id)
    if row is None:
        raise NoticeError(f"notice {notice.notice_id} is about incident {incident_id}, which does not exist")
    return Written(incident_opened(row, t, link), row.staff_name, t)
