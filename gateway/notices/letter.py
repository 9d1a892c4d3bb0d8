"""A letter: what a message says, apart from how it looks; made from what the database knows when it is sent."""

from dataclasses import dataclass, replace
from datetime import datetime

from devices.faults import FaultCode
from devices.products import product_type
from gateway.notices.words import WHY_THIS_DATE, word
from gateway.storage.pages.request import AppointmentRow, Centre, OfferedDate, RequestRow
from gateway.texts import Translator


@dataclass(frozen=True, slots=True)
class Choice:
    """One offered date as it is written: the day, the hours, why it is offered."""

    day: str
    hours: str
    why: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one person; `facts` are pairs of a name and what it is."""

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    choices: tuple[Choice, ...] = ()
    zone: str = ""
    button: str = ""
    link: str = ""
    after: tuple[str, ...] = ()
    is_urgent: bool = False
    sender: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """What a letter is about: one request, read at the time of sending."""

    request: RequestRow
    centre: Centre | None
    dates: tuple[OfferedDate, ...] = ()
    appointment: AppointmentRow | None = None

    @property
    def product_name(self) -> str:
        """What the owner calls the product: its model, else its number."""
        return self.request.model or self.request.device

    def fault(self) -> FaultCode | None:
        """Return the fault that the request is about, None where the diagnosis names none."""
        faults = product_type(self.request.product).faults
        ranked = self.request.ranked()
        code = self.request.fault_code or (ranked[0].fault if ranked else "")
        return faults.get(code)


def is_in_warranty(request: RequestRow) -> bool:
    """Say whether the warranty covers the fault: it was found before the warranty ended."""
    return request.warranty_until is not None and request.opened_at.date() <= request.warranty_until


def cost(request: RequestRow, t: Translator) -> str:
    """Return in one sentence what the owner pays."""
    if is_in_warranty(request) and request.warranty_until is not None:
        return t.gettext("It costs you nothing: your warranty runs until %(date)s.") % {
            "date": t.date(request.warranty_until)
        }
    return t.gettext("We agree the price with you before any work begins.")


def may_use(fault: FaultCode | None, t: Translator) -> str:
    """Return in one sentence whether the product may be used until the date."""
    if fault is None:
        return t.gettext("A person looks at it first and will tell you.")
    if fault.may_run_on:
        return t.gettext("You can go on using it until the date.")
    return t.gettext("Please do not use it until it has been looked at.")


def choices(dates: tuple[OfferedDate, ...], zone_name: str, t: Translator) -> tuple[Choice, ...]:
    """Return offered dates in words, in the zone of the place where they are."""
    return tuple(
        Choice(
            day=t.day(date.begins_at, zone_name),
            hours=t.hours(date.begins_at, date.ends_at, zone_name),
            why=t.gettext(word(WHY_THIS_DATE, date.why)) if date.why else "",
            is_best=index == 0,
        )
        for index, date in enumerate(dates)
    )


def place_facts(centre: Centre | None, t: Translator) -> tuple[tuple[str, str], ...]:
    """Return where the work is done and whom to call."""
    if centre is None:
        return ()
    where = (t.gettext("Where"), f"{centre.title}, {centre.address}")
    return (where, (t.gettext("Phone"), centre.phone)) if centre.phone else (where,)


def _what_was_found(matter: Matter, t: Translator) -> str:
    fault = matter.fault()
    if fault is None:
        return t.gettext("The readings of your product show that something is wrong with it.")
    return t.gettext(fault.owner_text)


def _letter(matter: Matter, t: Translator, subject: str, *paragraphs: str) -> Letter:
    request = matter.request
    return Letter(
        subject=subject,
        greeting=t.gettext("Hello %(name)s,") % {"name": request.owner_name},
        paragraphs=paragraphs,
        sender=request.tenant_title,
        reference=request.reference,
    )


def offer(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that offers dates."""
    request = matter.request
    zone_name = matter.centre.time_zone if matter.centre else request.place_time_zone
    letter = _letter(
        matter,
        t,
        t.gettext("%(product)s needs service: which day suits you?") % {"product": matter.product_name},
        _what_was_found(matter, t),
        t.gettext("The part and a bay are put aside for you. Please choose one of these dates:")
        if matter.dates
        else t.gettext("The dates that we had put aside are no longer free. Your page shows the present state."),
    )
    return replace(
        letter,
        choices=choices(matter.dates, zone_name, t),
        zone=t.zone_title(matter.dates[0].begins_at, zone_name) if matter.dates else "",
        button=t.gettext("Choose a date") if matter.dates else t.gettext("Open your page"),
        link=link,
        facts=(
            (t.gettext("May I use it until then?"), may_use(matter.fault(), t)),
            (t.gettext("What does it cost?"), cost(request, t)),
            *place_facts(matter.centre, t),
        ),
        after=_held_until(matter, zone_name, t),
    )


def _held_until(matter: Matter, zone_name: str, t: Translator) -> tuple[str, ...]:
    if not matter.dates:
        return ()
    until = t.moment(matter.dates[0].expires_at, zone_name)
    return (t.gettext("We hold these dates for you until %(moment)s.") % {"moment": until},)


def confirmed(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that confirms a date."""
    appointment = matter.appointment
    zone_name = matter.centre.time_zone if matter.centre else matter.request.place_time_zone
    letter = _letter(
        matter,
        t,
        t.gettext("Your date for %(product)s is booked") % {"product": matter.product_name},
        t.gettext("Thank you. Your date is booked, and the part is reserved for it."),
    )
    when: tuple[tuple[str, str], ...] = ()
    if appointment is not None:
        hours = t.hours(appointment.begins_at, appointment.ends_at, zone_name)
        when = (
            (t.gettext("When"), f"{t.day(appointment.begins_at, zone_name)}, {hours}"),
            (t.gettext("Time zone"), t.zone_title(appointment.begins_at, zone_name)),
        )
    return replace(
        letter,
        facts=(*when, *place_facts(matter.centre, t), (t.gettext("What does it cost?"), cost(matter.request, t))),
        button=t.gettext("Open your page"),
        link=link,
        after=(t.gettext("The attached calendar entry goes into your calendar."),),
    )


def cancelled(matter: Matter, t: Translator, link: str, *, had_date: bool) -> Letter:
    """Write the letter that takes back dates or an appointment."""
    letter = _letter(
        matter,
        t,
        t.gettext("Your service for %(product)s is cancelled") % {"product": matter.product_name},
        t.gettext("Your booked date is cancelled. You do not have to come.")
        if had_date
        else t.gettext("The dates that we offered you are withdrawn. There is nothing that you have to do."),
        t.gettext("If you did not expect this, please call us."),
    )
    return replace(letter, facts=place_facts(matter.centre, t), button=t.gettext("Open your page"), link=link)


def safety(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that warns at once."""
    letter = _letter(
        matter,
        t,
        t.gettext("Please stop using %(product)s now") % {"product": matter.product_name},
        t.gettext("Please bring it to a stop in a safe place, switch it off and leave it as soon as you safely can."),
        _what_was_found(matter, t),
        t.gettext("A member of our staff is looking at it now and will call you. You do not have to do anything else."),
        t.gettext("If you see smoke or fire or smell something burning, keep away and call the emergency number."),
    )
    return replace(
        letter,
        facts=place_facts(matter.centre, t),
        button=t.gettext("Open your page"),
        link=link,
        is_urgent=True,
    )


def new_link(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that carries a new link to the owner's page."""
    letter = _letter(
        matter,
        t,
        t.gettext("Your new link for %(product)s") % {"product": matter.product_name},
        t.gettext("You asked for a new link to your service page. If it was not you, ignore this message."),
    )
    return replace(letter, button=t.gettext("Open your page"), link=link)


def case_opened(
    matter: Matter, t: Translator, link: str, *, staff_name: str, due_at: datetime | None, reason: str
) -> Letter:
    """Write the letter that tells a member of staff of a case of his."""
    request = matter.request
    fault = matter.fault()
    unknown = t.gettext("Safety") if request.is_safety else t.gettext("Cause not known")
    title = t.gettext(fault.title) if fault else unknown
    product = product_type(request.product)
    clock = ((t.gettext("Decide by"), t.moment(due_at, request.place_time_zone)),) if due_at else ()
    return Letter(
        subject=t.gettext("%(reference)s needs you: %(fault)s") % {"reference": request.reference, "fault": title},
        greeting=t.gettext("Hello %(name)s,") % {"name": staff_name},
        paragraphs=(t.gettext("A case needs your judgement."), t.gettext(reason)),
        facts=(
            (t.gettext("Device"), f"{request.device} · {request.model}".rstrip(" ·")),
            (t.gettext("Component"), t.gettext(product.components.get(request.component, request.component))),
            (t.gettext("Fault"), title),
            (t.gettext("Owner"), request.owner_name),
            *clock,
        ),
        button=t.gettext("Open the case"),
        link=link,
        is_urgent=request.is_safety,
        sender=request.tenant_title,
        reference=request.reference,
    )
