"""The letter that asks for another date, because what has to be done does not fit into the booked one any more."""

from gateway.notices.letter import Letter, with_dates, written
from gateway.notices.matter import Matter
from gateway.texts import Translator


def date_misfit(matter: Matter, t: Translator, link: str) -> Letter:
    """Write it, as things stand when it leaves; the booked date stands until another one is chosen."""
    subject = t.gettext("Please choose another date for %(product)s") % {"product": matter.product_name}
    return with_dates(written(matter, t, subject, _asked(matter, t)), matter, t, link)


def _asked(matter: Matter, t: Translator) -> str:
    if not matter.dates:
        return t.gettext("The dates that we had put aside are no longer free. Your page shows the present state.")
    return t.gettext(
        "What has to be done has changed since you booked, and it does not fit into your date any more. Please choose another "
        "one. Your date stands until then, and a member of our staff calls you if we do not hear from you."
    )
