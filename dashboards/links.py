"""Links that were sent to people: what each opens, or that it is none of ours."""

from dashboards.desk import Desk
from gateway import access
from gateway.access import Access, Claim, Purpose


class UnknownLinkError(Exception):
    """A link that we did not make, or no longer know."""


class ExpiredLinkError(Exception):
    """A form that was sent to a link of ours whose time is over; `path` is the page that says so."""

    def __init__(self, path: str) -> None:
        super().__init__("the link has expired")
        self.path = path


def opened(desk: Desk, token: str, purpose: Purpose) -> tuple[Claim, Access]:
    """Return what a link claims and what the database knows of it; whether its time is over is the page's to say.

    Raises
    ------
    UnknownLinkError
        Its signature is not ours, it is for another purpose, or the database does not know it.
    """
    claim = access.read(desk.settings, token, purpose)
    if claim is None:
        raise UnknownLinkError
    with desk.tenant(claim.tenant_id) as conn:
        found = access.find(conn, claim)
    if found is None:
        raise UnknownLinkError
    return claim, found
