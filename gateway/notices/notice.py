"""A row of the outbox: what it is about, to whom it goes, and what it names."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import CalloutError


class NoticeError(CalloutError):
    """A notice that cannot be put into words."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An unsent row of the outbox; it is about a request, about an incident, or about a device of one owner's."""

    notice_id: int
    tenant_id: int
    request_id: int | None
    incident_id: int | None
    kind: str
    recipient: str
    language: str
    detail: Mapping[str, object]
    device_id: int | None = None
    owner_id: int | None = None

    @property
    def thread(self) -> str:
        """The name of what it is about: all letters about it hang together."""
        if self.device_id is not None:
            return f"device-{self.device_id}"
        return f"request-{self.request_id}" if self.incident_id is None else f"incident-{self.incident_id}"

    @property
    def other_owner(self) -> int | None:
        """Who else owns the device that a request is about, when it goes to him; None: it goes to the request's own."""
        return self.number("owner_id") if "owner_id" in self.detail else None

    def about_request(self) -> int:
        """Return the request that it is about.

        Raises
        ------
        NoticeError
            It is about an incident.
        """
        if self.request_id is None:
            raise NoticeError(f"notice {self.notice_id} of kind {self.kind!r} is about no request, but should be")
        return self.request_id

    def number(self, name: str) -> int:
        """Return a number out of the notice's detail.

        Raises
        ------
        NoticeError
            The detail has no such number.
        """
        value = self.detail.get(name)
        if not isinstance(value, int):
            message = f"notice {self.notice_id} of kind {self.kind!r} has no number {name!r} in {dict(self.detail)!r}"
            raise NoticeError(message)
        return value
