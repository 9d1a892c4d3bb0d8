"""The letter that tells a member of staff of a case of his."""

from datetime import datetime

from devices.products import product_type
from gateway.notices.letter import Letter
from gateway.notices.matter import Matter
from gateway.texts import Translator


def case_opened(
    matter: Matter, t: Translator, link: str, *, staff_name: str, due_at: datetime | None, reason: str
) -> Letter:
    """Write the letter: what it is about, why it needs a person, and by when he has to have decided."""
    request = matter.request
    fault = matter.fault()
    unknown = t.gettext("Safety") if request.is_safety else t.gettext("Cause not known")
    title = t.gettext(fault.title) if fault else unknown
    product = product_type(request.product)
    clock = ((t.gettext("Decide by"), t.day_and_time(due_at, request.place_time_zone)),) if due_at else ()
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
