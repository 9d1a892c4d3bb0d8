"""The letter that hands a repairer the link to one request's evidence."""

from datetime import datetime

from devices.products import product_type
from gateway.access import issue_repairer_link
from gateway.notices.letter import Letter
from gateway.notices.matter import Matter
from gateway.settings import Settings
from gateway.storage import shares
from gateway.storage.connection import Connection
from gateway.storage.shares import Share
from gateway.texts import Translator


def link_for(conn: Connection, settings: Settings, share_id: int, tenant_id: int, now: datetime) -> str:
    """Return a new link to what is shared; it ends when the sharing does."""
    share = _share(conn, share_id)
    # A letter that leaves too late carries a link that has ended: its page says so.
    expires_at = max(share.expires_at, now)
    return issue_repairer_link(conn, settings, tenant_id=tenant_id, share_id=share_id, now=now, expires_at=expires_at)


def shared(conn: Connection, matter: Matter, t: Translator, link: str, share_id: int) -> tuple[Letter, str]:
    """Write the letter, and return it with the repairer's name; it names no owner and no place."""
    share, request = _share(conn, share_id), matter.request
    component = product_type(request.product).components.get(request.component, request.component)
    letter = Letter(
        subject=t.gettext("The readings of %(product)s, for you to look at") % {"product": matter.product_name},
        greeting=t.gettext("Hello %(name)s,") % {"name": share.repairer_name},
        paragraphs=(
            t.gettext(
                "The owner of this product lets you see what its own readings say about one fault: the evidence, the "
                "curves, and how it was decided."
            ),
            t.gettext("You can read it and change nothing. The owner can end it at any time."),
        ),
        facts=(
            (t.gettext("Product"), matter.product_name),
            (t.gettext("Component"), t.gettext(component)),
            (t.gettext("To be read until"), t.day_and_time(share.expires_at, request.place_time_zone)),
        ),
        button=t.gettext("Look at the readings"),
        link=link,
        after=(t.gettext("If this is not meant for you, please delete this message."),),
        sender=request.tenant_title,
        reference=request.reference,
    )
    return letter, share.repairer_name


def _share(conn: Connection, share_id: int) -> Share:
    share = shares.find_share(conn, share_id)
    if share is None:
        raise LookupError(f"there is no sharing {share_id} in this tenant")
    return share
