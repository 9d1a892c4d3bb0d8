"""The letter that asks an owner for one look, or to do something himself: one question, answered on his page."""

from devices.checks import Check
from devices.products import product_type
from gateway.notices.letter import Letter, to_page, written
from gateway.notices.matter import Matter
from gateway.remedies.asking import asked_about
from gateway.storage import asks
from gateway.storage.connection import Connection
from gateway.texts import Translator


def ask(conn: Connection, matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that asks; one whose request has gone on meanwhile says only where things stand."""
    row = asks.find_ask(conn, matter.request.request_id)
    what = None if row is None else asked_about(product_type(matter.request.product), row)
    is_open = row is not None and row.answered_at is None and matter.request.state == "asking"
    if what is None or not is_open:
        text = t.gettext("The question that we had is settled. Your page shows the present state.")
        letter = written(matter, t, t.gettext("About %(product)s") % {"product": matter.product_name}, text)
    elif isinstance(what, Check):
        subject = t.gettext("One question about %(product)s") % {"product": matter.product_name}
        why = t.gettext("One look of yours may save somebody the way. Please answer on your page:")
        letter = written(matter, t, subject, why, t.gettext(what.question))
    else:
        subject = t.gettext("%(product)s: perhaps you can mend it yourself") % {"product": matter.product_name}
        after = t.gettext("Say on your page whether you have done it; the readings then show whether it helped.")
        letter = written(matter, t, subject, t.gettext(what.text), after)
    return to_page(letter, t, link)
