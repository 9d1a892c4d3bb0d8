"""The letter that welcomes a device's new owner: it is his now, and here he says what it may do alone."""

from gateway.notices.letter import Letter
from gateway.storage.connection import Connection
from gateway.storage.owners import find_owner
from gateway.storage.pages.owned import find_owned
from gateway.texts import Translator


def welcome(conn: Connection, device_id: int, owner_id: int, t: Translator, link: str) -> tuple[Letter, str]:
    """Write the letter, and return it with the name of whom it is to; it says nothing of who owned the device before.

    Raises
    ------
    LookupError
        He never owned the device.
    """
    owner = find_owner(conn, owner_id)
    device = find_owned(conn, device_id, owner_id)
    if device is None:
        raise LookupError(f"device {device_id} never was owner {owner_id}'s: he cannot be welcomed to it")
    name = device.model or device.device
    letter = Letter(
        subject=t.gettext("%(product)s is yours now") % {"product": name},
        greeting=t.gettext("Hello %(name)s,") % {"name": owner.name},
        paragraphs=(
            t.gettext("Your product watches over itself and calls us when something is wrong with it."),
            t.gettext(
                "On its page you decide what it may do without asking you. Until you have signed, a person asks you each "
                "time. What was done for those who owned it before stays theirs, and is not shown to you."
            ),
        ),
        facts=(
            (t.gettext("Product"), name),
            (t.gettext("Serial number"), device.serial),
        ),
        button=t.gettext("Open its page"),
        link=link,
        after=(t.gettext("If it is not yours, ignore this message, or tell us."),),
        sender=device.tenant_title,
        reference=device.device,
    )
    return letter, owner.name
