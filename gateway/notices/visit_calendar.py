"""A technician's visits as an iCalendar feed (RFC 5545; RFC 7986 for its name and how often it is read)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Final

from icalendar import Calendar, Component, Event, vText

from devices.faults import FaultCode
from devices.products import product_type
from gateway.storage.pages.visits import TechnicianRow, VisitRow
from gateway.texts import Translator
from gateway.texts.voice import zone

_READ_AGAIN: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit with what its product and its fault are called."""

    row: VisitRow
    name: str
    fault: FaultCode | None


def stop_of(row: VisitRow) -> Stop:
    """Return a visit as he reads it."""
    product = product_type(row.product)
    return Stop(row, row.model or product.title, product.faults.get(row.fault_code or ""))


def visit_calendar(
    visits: Sequence[VisitRow],
    technician: TechnicianRow,
    t: Translator,
    *,
    tenant_id: int,
    mail_from: str,
    now: datetime,
) -> bytes:
    """Return the calendar of somebody's visits: each as he plans it, with what its owner was promised in the text.

    A visit keeps its UID, and one that was called off is in it no more: whoever reads it replaces all that he has.
    """
    calendar = Calendar()
    _set(calendar, "prodid", "-//Callout//Service desk//EN")
    _set(calendar, "version", "2.0")
    title = t.gettext("Visits of %(name)s") % {"name": technician.name}
    _set(calendar, "name", vText(title))
    # Calendars that do not know NAME read this one.
    _set(calendar, "x-wr-calname", vText(title))
    # RFC 7986, 5.7: its type is to be said.
    calendar.add("refresh-interval", _READ_AGAIN, parameters={"VALUE": "DURATION"})  # pyright: ignore[reportUnknownMemberType]  # as in _set
    host = parseaddr(mail_from)[1].rpartition("@")[2]
    for row in visits:
        uid = f"visit-{tenant_id}-{row.appointment_id}@{host}"
        calendar.add_component(_event(stop_of(row), technician, t, uid, now))
    calendar.add_missing_timezones()
    return calendar.to_ical()


def _event(each: Stop, technician: TechnicianRow, t: Translator, uid: str, now: datetime) -> Event:
    row, where = each.row, zone(technician.time_zone)
    event = Event()
    _set(event, "uid", uid)
    _set(event, "dtstamp", now)
    _set(event, "dtstart", row.arrives_at.astimezone(where))
    _set(event, "dtend", row.done_at.astimezone(where))
    what = t.gettext(each.fault.title) if each.fault else t.gettext("Cause not known")
    _set(event, "summary", f"{t.gettext(each.name)}: {what}")
    _set(event, "location", row.place_name or row.owner_name)
    _set(event, "geo", (row.latitude, row.longitude))
    _set(event, "status", "CONFIRMED")
    told = t.gettext("%(owner)s was promised an arrival between %(begin)s and %(end)s.") % {
        "owner": row.owner_name,
        "begin": t.clock(row.begins_at, technician.time_zone),
        "end": t.clock(row.ends_at, technician.time_zone),
    }
    bring = [f"{part.count} × {part.title} ({part.part_no})" for part in row.parts]
    lines = [told, t.gettext("Bring:") + " " + ", ".join(bring) if bring else "", row.reference]
    _set(event, "description", "\n".join(filter(None, lines)))
    return event


def _set(component: Component, name: str, value: object) -> None:
    component.add(name, value)  # pyright: ignore[reportUnknownMemberType]  # the library leaves the value's type open
