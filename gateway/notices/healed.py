"""The letter that says that a product is well again: what was wrong, what was done, what proves it; nothing to do."""

from collections.abc import Mapping
from dataclasses import replace

from devices.products import product_type
from gateway.notices.letter import Letter, written
from gateway.notices.matter import Matter
from gateway.storage import remedies
from gateway.storage.connection import Connection
from gateway.texts import Translator


def healed(conn: Connection, matter: Matter, t: Translator, link: str, detail: Mapping[str, object]) -> Letter:
    """Write the letter about a remedy that was proven, or a deed of the owner's that has helped.

    Parameters
    ----------
    conn : Connection
        In the tenant's transaction.
    matter : Matter
        The request that was solved.
    link : str
        The owner's page; the letter leads to where he says that it is not so.
    detail : mapping
        The `rung` that was proven, or the `guide` that he followed.
    """
    request = matter.request
    subject = t.gettext("%(product)s is well again") % {"product": matter.product_name}
    letter = written(
        matter,
        t,
        subject,
        _what_was_done(matter, t, detail),
        t.gettext("Its own readings have been well since, and stayed so. There is nothing that you have to do."),
        *((matter.price.afterwards(t),) if matter.price.deposit is not None else ()),
    )
    return replace(
        letter,
        facts=_proof(conn, matter, t, detail),
        button=t.gettext("Tell us if it is not so"),
        link=f"{link}/begin?device={request.device_id}",
    )


def _what_was_done(matter: Matter, t: Translator, detail: Mapping[str, object]) -> str:
    fault = matter.fault()
    rung = product_type(matter.request.product).rung("" if fault is None else fault.code, str(detail.get("rung", "")))
    if rung is None:
        return t.gettext("What you did has helped. Thank you.")
    return t.gettext("We have mended it from afar: %(what)s.") % {"what": t.gettext(rung.title)}


def _proof(
    conn: Connection, matter: Matter, t: Translator, detail: Mapping[str, object]
) -> tuple[tuple[str, str], ...]:
    """Return which monitors were looked at, and when it was done and proven."""
    request, product = matter.request, product_type(matter.request.product)
    fault = matter.fault()
    code, name = "" if fault is None else fault.code, str(detail.get("rung", ""))
    rung = product.rung(code, name)
    guide = next((each for each in product.guides if each.name == detail.get("guide")), None)
    proof = rung.proof if rung is not None else guide.proof if guide is not None else ()
    titles = [t.gettext(monitor.title) for monitor in product.monitors if monitor.name in proof]
    attempt = next((each for each in remedies.of_request(conn, request.request_id) if each.state == "proven"), None)
    zone_name = request.owner_time_zone
    sent = () if attempt is None or attempt.sent_at is None else ((t.gettext("Done"), attempt.sent_at),)
    ended = () if request.closed_at is None else ((t.gettext("Proven"), request.closed_at),)
    return (
        *(((t.gettext("No longer seen"), ", ".join(titles)),) if titles else ()),
        *((title, t.moment(at, zone_name)) for title, at in (*sent, *ended)),
    )
