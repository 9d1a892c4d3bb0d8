"""The letter that warns of a danger at once."""

from dataclasses import replace

from devices.products import product_type
from gateway.notices.letter import Letter, plain, to_page, what_was_found
from gateway.notices.matter import Matter, place_facts
from gateway.texts import Translator


def safety(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that warns at once."""
    act_at_once = product_type(matter.request.product).safety_text
    subject = t.gettext("Please stop using %(product)s now") if act_at_once else t.gettext("Danger: %(product)s")
    letter = plain(
        matter,
        t,
        subject % {"product": matter.product_name},
        *((t.gettext(act_at_once),) if act_at_once else ()),
        what_was_found(matter, t),
        t.gettext("A member of our staff is looking at it now and will call you. You do not have to do anything else."),
        t.gettext("If you see smoke or fire or smell something burning, keep away and call the emergency number."),
    )
    return to_page(replace(letter, facts=place_facts(matter, t), is_urgent=True), t, link)
