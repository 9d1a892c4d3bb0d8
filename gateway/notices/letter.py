"""A letter: what a message says, apart from how it looks; made from what the database knows when it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from devices.products import product_type
from gateway.notices.matter import Matter, may_use, place_facts, promised_hours
from gateway.notices.price import valid_until
from gateway.notices.words import WHY_THIS_DATE, word
from gateway.storage.pages.request import OfferedDate
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


def choices(dates: tuple[OfferedDate, ...], zone_name: str, t: Translator) -> tuple[Choice, ...]:
    """Return offered dates in words, in the zone of the place where they are."""
    return tuple(
        Choice(
            day=t.day(date.begins_at, zone_name),
            hours=promised_hours(date, zone_name, t),
            why=t.gettext(word(WHY_THIS_DATE, date.why)) if date.why else "",
            is_best=index == 0,
        )
        for index, date in enumerate(dates)
    )


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


def written(matter: Matter, t: Translator, subject: str, *paragraphs: str) -> Letter:
    """Write a letter to a request's owner that begins with what was found."""
    return _letter(matter, t, subject, _what_was_found(matter, t), *paragraphs)


def with_dates(letter: Letter, matter: Matter, t: Translator, link: str) -> Letter:
    """Add the dates to choose from, as things stand when the letter leaves, and until when they are held."""
    zone_name = matter.centre.time_zone if matter.centre else matter.request.place_time_zone
    return replace(
        letter,
        choices=choices(matter.dates, zone_name, t),
        zone=t.zone_title(matter.dates[0].begins_at, zone_name) if matter.dates else "",
        button=t.gettext("Choose a date") if matter.dates else t.gettext("Open your page"),
        link=link,
        facts=place_facts(matter, t),
        after=held_until(matter, zone_name, t),
    )


def offer(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that offers dates."""
    zone_name = matter.centre.time_zone if matter.centre else matter.request.place_time_zone
    letter = _letter(
        matter,
        t,
        t.gettext("%(product)s needs service: which day suits you?") % {"product": matter.product_name},
        _what_was_found(matter, t),
        _how_to_choose(matter, t),
    )
    return replace(
        letter,
        choices=choices(matter.dates, zone_name, t),
        zone=t.zone_title(matter.dates[0].begins_at, zone_name) if matter.dates else "",
        button=t.gettext("Choose a date") if matter.dates else t.gettext("Open your page"),
        link=link,
        facts=(
            (t.gettext("May I use it until then?"), may_use(matter.fault(), t, has_date=bool(matter.dates))),
            (t.gettext("What does it cost?"), matter.price.cost(t)),
            *_priced(matter, t),
            *place_facts(matter, t),
        ),
        after=held_until(matter, zone_name, t),
    )


def _how_to_choose(matter: Matter, t: Translator) -> str:
    if not matter.dates:
        return t.gettext("The dates that we had put aside are no longer free. Your page shows the present state.")
    if matter.is_visit:
        return t.gettext("A technician comes to %(place)s. Please choose two hours in which that suits you:") % {
            "place": matter.place(t)
        }
    return t.gettext("The part and a bay are put aside for you. Please choose one of these dates:")


def _priced(matter: Matter, t: Translator) -> tuple[tuple[str, str], ...]:
    """Return the lines of a price that the owner pays or that others pay for him."""
    return tuple(
        (
            line.title,
            " · ".join(
                [
                    line.gross,
                    *(
                        t.gettext("paid by %(payer)s: %(amount)s") % {"payer": payer, "amount": amount}
                        for payer, amount, _ in line.payers
                    ),
                ]
            ),
        )
        for line in matter.price.lines(t)
    )


def quote(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that asks for a yes to a price."""
    price = matter.price
    zone_name = matter.request.place_time_zone
    letter = _letter(
        matter,
        t,
        t.gettext("What the service for %(product)s costs") % {"product": matter.product_name},
        _what_was_found(matter, t),
        t.gettext("Please look at the price on your page and say yes or no. Nothing is done before."),
    )
    until = valid_until(price, zone_name, t)
    return replace(
        letter,
        facts=((t.gettext("What does it cost?"), price.cost(t)), *_priced(matter, t)),
        button=t.gettext("Look at the price"),
        link=link,
        after=(t.gettext("The price holds until %(moment)s.") % {"moment": until},) if until else (),
    )


def held_until(matter: Matter, zone_name: str, t: Translator) -> tuple[str, ...]:
    """Say until when a letter's dates are put aside; nothing where there are none."""
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
        *_what_is_booked(matter, t),
    )
    when: tuple[tuple[str, str], ...] = ()
    if appointment is not None:
        hours = promised_hours(appointment, zone_name, t)
        when = (
            (t.gettext("When"), f"{t.day(appointment.begins_at, zone_name)}, {hours}"),
            (t.gettext("Time zone"), t.zone_title(appointment.begins_at, zone_name)),
        )
    return replace(
        letter,
        facts=(
            *when,
            *place_facts(matter, t),
            (t.gettext("What does it cost?"), matter.price.cost(t)),
            *_priced(matter, t),
        ),
        button=t.gettext("Open your page"),
        link=link,
        after=(t.gettext("The attached calendar entry goes into your calendar."),),
    )


def _what_is_booked(matter: Matter, t: Translator) -> tuple[str, ...]:
    if arrival := matter.arrival(t):
        be_there = t.gettext("Please see to it that somebody opens the door and that your product can be reached.")
        return (t.gettext("Thank you. Your date is booked."), arrival, be_there)
    return (t.gettext("Thank you. Your date is booked, and the part is reserved for it."),)


def deposit_due(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that reminds of a deposit that has not been paid."""
    letter = _letter(
        matter,
        t,
        t.gettext("The deposit for %(product)s is still open") % {"product": matter.product_name},
        t.gettext("You have agreed to the price, and a deposit comes first. Your page leads you to where it is paid."),
        t.gettext("If it stays open, a member of our staff asks you in person."),
    )
    return replace(letter, button=t.gettext("Open your page"), link=link)


def earlier(matter: Matter, t: Translator, link: str, *, is_last: bool) -> Letter:
    """Write the letter that offers an earlier date to one who asked for it."""
    zone_name = matter.centre.time_zone if matter.centre else matter.request.place_time_zone
    letter = _letter(
        matter,
        t,
        t.gettext("An earlier date for %(product)s is free") % {"product": matter.product_name},
        t.gettext("You asked us to tell you. Your present date stands until you choose an earlier one."),
    )
    return replace(
        letter,
        choices=choices(matter.dates, zone_name, t),
        zone=t.zone_title(matter.dates[0].begins_at, zone_name) if matter.dates else "",
        button=t.gettext("Choose a date") if matter.dates else t.gettext("Open your page"),
        link=link,
        after=(
            *held_until(matter, zone_name, t),
            t.gettext("This is the last time that we write to you of an earlier date, unless you ask for it again.")
            if is_last
            else t.gettext("If you do not want to hear of earlier dates any more, your page has a button for it."),
        ),
    )


def called_off(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that says that a confirmed date cannot be kept, with others to choose from."""
    letter = _letter(
        matter,
        t,
        t.gettext("We cannot keep your date for %(product)s") % {"product": matter.product_name},
        t.gettext(
            "We are sorry: the date that you had booked cannot be kept. A member of our staff is looking after it."
        ),
        _instead(matter, t),
    )
    return with_dates(letter, matter, t, link)


def _instead(matter: Matter, t: Translator) -> str:
    """Say what follows a date that was called off, as things stand when the letter leaves."""
    if matter.request.state == "confirmed":
        return t.gettext("You have chosen another date since. That one stands.")
    if matter.dates:
        return t.gettext("These dates are put aside for you instead:")
    if matter.request.state in {"open", "waiting"}:
        return t.gettext("We are looking for another date and write to you as soon as there is one.")
    return t.gettext("Your page shows how it goes on.")


def cancelled(matter: Matter, t: Translator, link: str, *, was_shown_dates: bool) -> Letter:
    """Write the letter that takes back an appointment, or dates that the owner was shown, or neither of them."""
    is_over = matter.request.state == "cancelled"
    letter = _letter(
        matter,
        t,
        t.gettext("Your service for %(product)s is cancelled") % {"product": matter.product_name},
        _what_is_cancelled(matter, t, was_shown_dates=was_shown_dates),
        *((matter.price.afterwards(t),) if matter.price.deposit is not None and is_over else ()),
        t.gettext("If you did not expect this, please call us."),
    )
    return replace(letter, facts=place_facts(matter, t), button=t.gettext("Open your page"), link=link)


def _what_is_cancelled(matter: Matter, t: Translator, *, was_shown_dates: bool) -> str:
    if matter.appointment is None and not was_shown_dates:
        return t.gettext("Nothing more is done about it now. There is nothing that you have to do.")
    if matter.appointment is None:
        return t.gettext("The dates that we offered you are withdrawn. There is nothing that you have to do.")
    if matter.is_visit:
        return t.gettext("Your booked date is cancelled. Nobody comes.")
    return t.gettext("Your booked date is cancelled. You do not have to come.")


def date_lost(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that takes a date back because its part does not come in time."""
    letter = _letter(
        matter,
        t,
        t.gettext("We have to move your date for %(product)s") % {"product": matter.product_name},
        t.gettext("We are sorry: a part for your date does not come in time, so that date is cancelled."),
        t.gettext("We look for other dates and write to you. One of our staff sees to it that you get one."),
    )
    return replace(letter, facts=place_facts(matter, t), button=t.gettext("Open your page"), link=link)


def completed(matter: Matter, t: Translator, link: str, detail: Mapping[str, object]) -> Letter:
    """Write the letter that says what was found at a date, and what follows; `detail` has the finding and the next step."""
    match detail.get("finding"):
        case "repaired":
            subject = t.gettext("%(product)s is repaired")
            said = (t.gettext("The work is done. If anything is still wrong, please call us and name the reference."),)
        case "no_fault":
            subject = t.gettext("No fault was found: %(product)s")
            said = (
                t.gettext("We have looked at it and found nothing wrong. No part was used."),
                *((matter.price.afterwards(t),) if matter.price.deposit is not None else ()),
                t.gettext("If you still notice something, please tell us on your page: it goes to a person."),
            )
        case _:
            subject = t.gettext("It is not done yet: %(product)s")
            said = (
                t.gettext("We are sorry: the work could not be done at your date."),
                t.gettext("A member of our staff finds out how to go on and writes to you.")
                if detail.get("next") == "person"
                else t.gettext("We are looking for another date and write to you as soon as there is one."),
            )
    letter = _letter(matter, t, subject % {"product": matter.product_name}, *said)
    return replace(letter, facts=place_facts(matter, t), button=t.gettext("Open your page"), link=link)


def safety(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that warns at once."""
    act_at_once = product_type(matter.request.product).safety_text
    subject = t.gettext("Please stop using %(product)s now") if act_at_once else t.gettext("Danger: %(product)s")
    letter = _letter(
        matter,
        t,
        subject % {"product": matter.product_name},
        *((t.gettext(act_at_once),) if act_at_once else ()),
        _what_was_found(matter, t),
        t.gettext("A member of our staff is looking at it now and will call you. You do not have to do anything else."),
        t.gettext("If you see smoke or fire or smell something burning, keep away and call the emergency number."),
    )
    return replace(
        letter,
        facts=place_facts(matter, t),
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
