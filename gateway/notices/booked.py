"""The letters about a date that was booked: that it is, what came of it, and that it is cancelled or lost."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.notices.letter import Letter, plain, to_page
from gateway.notices.matter import Matter, place_facts, promised_hours
from gateway.notices.priced import price_lines
from gateway.texts import Translator


def confirmed(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that confirms a date."""
    appointment, zone_name = matter.appointment, matter.zone_name
    letter = plain(
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
    told = replace(
        letter,
        facts=(
            *when,
            *place_facts(matter, t),
            (t.gettext("What does it cost?"), matter.price.cost(t)),
            *price_lines(matter, t),
        ),
        after=(t.gettext("The attached calendar entry goes into your calendar."),),
    )
    return to_page(told, t, link)


def _what_is_booked(matter: Matter, t: Translator) -> tuple[str, ...]:
    if arrival := matter.arrival(t):
        be_there = t.gettext("Please see to it that somebody opens the door and that your product can be reached.")
        return (t.gettext("Thank you. Your date is booked."), arrival, be_there)
    return (t.gettext("Thank you. Your date is booked, and the part is reserved for it."),)


def cancelled(matter: Matter, t: Translator, link: str, *, was_shown_dates: bool) -> Letter:
    """Write the letter that takes back an appointment, or dates that the owner was shown, or neither of them."""
    is_over = matter.request.state == "cancelled"
    letter = plain(
        matter,
        t,
        t.gettext("Your service for %(product)s is cancelled") % {"product": matter.product_name},
        _what_is_cancelled(matter, t, was_shown_dates=was_shown_dates),
        *((matter.price.afterwards(t),) if matter.price.deposit is not None and is_over else ()),
        t.gettext("If you did not expect this, please call us."),
    )
    return to_page(replace(letter, facts=place_facts(matter, t)), t, link)


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
    letter = plain(
        matter,
        t,
        t.gettext("We have to move your date for %(product)s") % {"product": matter.product_name},
        t.gettext("We are sorry: a part for your date does not come in time, so that date is cancelled."),
        t.gettext("We look for other dates and write to you. One of our staff sees to it that you get one."),
    )
    return to_page(replace(letter, facts=place_facts(matter, t)), t, link)


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
    letter = plain(matter, t, subject % {"product": matter.product_name}, *said)
    return to_page(replace(letter, facts=place_facts(matter, t)), t, link)
