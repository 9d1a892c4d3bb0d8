"""An appointment as an iCalendar object (RFC 5545, RFC 5546), the same for the mail and for the owner's page."""

from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Literal

from icalendar import Alarm, Calendar, Component, Event, vCalAddress, vText

from gateway.notices.matter import Matter
from gateway.storage.pages.request import AppointmentRow
from gateway.texts import Translator
from gateway.texts.voice import zone

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


def invitation(
    matter: Matter,
    appointment: AppointmentRow,
    t: Translator,
    *,
    method: Method,
    mail_from: str,
    link: str,
    now: datetime,
) -> bytes:
    """Return the calendar object of an appointment.

    Its UID is the appointment's for ever and its SEQUENCE grows with the appointment's revision, so that a calendar
    replaces the entry that it has.

    Parameters
    ----------
    method : "REQUEST", "CANCEL" or "PUBLISH"
        An invitation by mail, its withdrawal, or a file to keep.
    mail_from : str
        Who invites.
    link : str
        The owner's page, or empty.
    """
    calendar = Calendar()
    _set(calendar, "prodid", "-//Callout//Service desk//EN")
    _set(calendar, "version", "2.0")
    _set(calendar, "method", method)
    calendar.add_component(_event(matter, appointment, t, method=method, mail_from=mail_from, link=link, now=now))
    calendar.add_missing_timezones()
    return calendar.to_ical()


def _event(
    matter: Matter,
    appointment: AppointmentRow,
    t: Translator,
    *,
    method: Method,
    mail_from: str,
    link: str,
    now: datetime,
) -> Event:
    request = matter.request
    where = zone(matter.zone_name)
    organizer_name, organizer = parseaddr(mail_from)
    event = Event()
    _set(event, "uid", f"appointment-{request.tenant_id}-{appointment.appointment_id}@{organizer.rpartition('@')[2]}")
    _set(event, "sequence", appointment.revision)
    _set(event, "dtstamp", now)
    _set(event, "dtstart", appointment.begins_at.astimezone(where))
    _set(event, "dtend", appointment.ends_at.astimezone(where))
    _set(event, "summary", _summary(matter, t))
    about = [matter.arrival(t), f"{t.gettext('Reference')} {request.reference}", link]
    _set(event, "description", "\n".join(filter(None, about)))
    _place(event, matter, appointment, t)
    if method == "CANCEL":
        _set(event, "status", "CANCELLED")
    else:
        _set(event, "status", "CONFIRMED")
        event.add_component(_reminder(t, matter))
    _set(event, "organizer", _person(organizer, organizer_name))
    # A file to keep names who invites and nobody who is invited: RFC 5546, 3.2.1.
    if method != "PUBLISH":
        _set(event, "attendee", _person(request.owner_email, request.owner_name))
    return event


def _summary(matter: Matter, t: Translator) -> str:
    summary = t.gettext("A technician comes: %(product)s") if matter.is_visit else t.gettext("Service: %(product)s")
    return summary % {"product": matter.product_name}


def _place(event: Event, matter: Matter, appointment: AppointmentRow, t: Translator) -> None:
    centre = matter.centre
    if appointment.is_visit:
        _set(event, "location", matter.place(t))
        _set(event, "geo", (appointment.latitude, appointment.longitude))
    elif centre is not None:
        _set(event, "location", f"{centre.title}, {centre.address}")
        _set(event, "geo", (centre.latitude, centre.longitude))


def _set(component: Component, name: str, value: object) -> None:
    component.add(name, value)  # pyright: ignore[reportUnknownMemberType]  # the library leaves the value's type open


def _person(email: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    address.params["cn"] = vText(name)
    return address


def _reminder(t: Translator, matter: Matter) -> Alarm:
    alarm = Alarm()
    _set(alarm, "action", "DISPLAY")
    _set(alarm, "trigger", timedelta(days=-1))
    _set(alarm, "description", _summary(matter, t))
    return alarm
