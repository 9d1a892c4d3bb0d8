"""The letter that tells a member of staff that a region has fallen silent."""

from devices.products import product_type
from gateway.notices.letter import Letter
from gateway.storage.pages.incidents import IncidentRow
from gateway.texts import Translator


def place_of(row: IncidentRow, t: Translator) -> str:
    """Return a region in words: the name that most of its devices' places have, else its middle."""
    if row.place:
        return row.place
    if row.latitude is None or row.longitude is None:
        return t.gettext("Devices without a known place")
    north, east = t.number(row.latitude, 2), t.number(row.longitude, 2)
    return t.gettext("Around latitude %(north)s, longitude %(east)s") % {"north": north, "east": east}


def incident_opened(row: IncidentRow, t: Translator, link: str) -> Letter:
    """Write the letter: where, since when, how many, and by when somebody has to have looked at it."""
    place = place_of(row, t)
    product = t.gettext(product_type(row.product).title)
    return Letter(
        subject=t.gettext("%(reference)s: a region is silent: %(place)s")
        % {"reference": row.reference, "place": place},
        greeting=t.gettext("Hello %(name)s,") % {"name": row.staff_name},
        paragraphs=(
            t.gettext("Many devices of one region were last heard at about the same time, and nothing since."),
            t.gettext("It looks like one cause: power, radio, or network. No owner is asked for anything meanwhile."),
        ),
        facts=(
            (t.gettext("Region"), place),
            (t.gettext("Product"), product),
            (t.gettext("Silent devices"), t.number(row.devices)),
            (t.gettext("Last heard"), t.moment(row.since_at, row.time_zone)),
            (t.gettext("Decide by"), t.day_and_time(row.due_at, row.time_zone)),
        ),
        button=t.gettext("Open the incidents"),
        link=link,
        sender=row.tenant_title,
        reference=row.reference,
    )
