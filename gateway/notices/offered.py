"""The letters with dates to choose from: an offer, an earlier date, and others instead of one that cannot be kept."""

from dataclasses import replace

from gateway.notices.letter import Letter, plain, with_dates, written
from gateway.notices.matter import Matter, may_use
from gateway.notices.priced import price_lines
from gateway.texts import Translator


def offer(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that offers dates."""
    subject = t.gettext("%(product)s needs service: which day suits you?") % {"product": matter.product_name}
    facts = (
        (t.gettext("May I use it until then?"), may_use(matter.fault(), t, has_date=bool(matter.dates))),
        (t.gettext("What does it cost?"), matter.price.cost(t)),
        *price_lines(matter, t),
    )
    return with_dates(replace(written(matter, t, subject, _how_to_choose(matter, t)), facts=facts), matter, t, link)


def _how_to_choose(matter: Matter, t: Translator) -> str:
    if not matter.dates:
        return t.gettext("The dates that we had put aside are no longer free. Your page shows the present state.")
    if matter.is_visit:
        return t.gettext("A technician comes to %(place)s. Please choose two hours in which that suits you:") % {
            "place": matter.place(t)
        }
    return t.gettext("The part and a bay are put aside for you. Please choose one of these dates:")


def earlier(matter: Matter, t: Translator, link: str, *, is_last: bool) -> Letter:
    """Write the letter that offers an earlier date to one who asked for it."""
    letter = with_dates(
        plain(
            matter,
            t,
            t.gettext("An earlier date for %(product)s is free") % {"product": matter.product_name},
            t.gettext("You asked us to tell you. Your present date stands until you choose an earlier one."),
        ),
        matter,
        t,
        link,
    )
    how_to_end = (
        t.gettext("This is the last time that we write to you of an earlier date, unless you ask for it again.")
        if is_last
        else t.gettext("If you do not want to hear of earlier dates any more, your page has a button for it.")
    )
    return replace(letter, after=(*letter.after, how_to_end))


def called_off(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that says that a confirmed date cannot be kept, with others to choose from."""
    letter = plain(
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
