"""A letter: what a message says, apart from how it looks; made from what the database knows when it is sent.

Here are its parts, and what several letters have in common; each kind of letter is written in a module of its own.
"""

from dataclasses import dataclass, replace

from gateway.notices.matter import Matter, place_facts, promised_hours
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


def plain(matter: Matter, t: Translator, subject: str, *paragraphs: str) -> Letter:
    """Write a letter to a request's owner, of paragraphs and no more."""
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
    return plain(matter, t, subject, what_was_found(matter, t), *paragraphs)


def what_was_found(matter: Matter, t: Translator) -> str:
    """Return in one sentence what is wrong, as far as it is known."""
    fault = matter.fault()
    if fault is None:
        return t.gettext("The readings of your product show that something is wrong with it.")
    return t.gettext(fault.owner_text)


def to_page(letter: Letter, t: Translator, link: str) -> Letter:
    """Let a letter lead to its reader's page, without asking for anything there."""
    return replace(letter, button=t.gettext("Open your page"), link=link)


def with_dates(letter: Letter, matter: Matter, t: Translator, link: str) -> Letter:
    """Add the dates to choose from, as things stand when the letter leaves, where they are, and until when they are held."""
    zone_name = matter.zone_name
    return replace(
        letter,
        choices=choices(matter.dates, zone_name, t),
        zone=t.zone_title(matter.dates[0].begins_at, zone_name) if matter.dates else "",
        button=t.gettext("Choose a date") if matter.dates else t.gettext("Open your page"),
        link=link,
        facts=(*letter.facts, *place_facts(matter, t)),
        after=_held_until(matter, t),
    )


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


def _held_until(matter: Matter, t: Translator) -> tuple[str, ...]:
    if not matter.dates:
        return ()
    until = t.day_and_time(matter.dates[0].expires_at, matter.zone_name)
    return (t.gettext("We hold these dates for you until %(moment)s.") % {"moment": until},)
