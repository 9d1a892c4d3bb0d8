"""The story of a seed: numbered events with virtual time, who, and what; no number that the database has given is in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.storage.connection import Connection


@dataclass(slots=True)
class Story:
    """What happened, in order; each event with what the desk wrote down about it."""

    lines: list[str] = field(default_factory=list[str])
    events: int = 0
    _last_event_id: int = 0
    _last_notice_id: int = 0

    def tell(self, at: datetime, actor: str, what: str) -> None:
        """Add an event."""
        self.events += 1
        self.lines.append(f"{self.events:>5}  {at:%a %Y-%m-%d %H:%M:%S}  {actor}: {what}")

    def follow(self, connection: Connection) -> None:
        """Add what requests and outbox have had written to them since the last time."""
        for is_notice, number, about, what, actor, detail in connection.execute(
            """SELECT false AS is_notice, e.event_id AS number, d.name || '/' || r.component, e.event, e.actor, e.detail
            FROM request_event e JOIN service_request r USING (request_id) JOIN device d USING (device_id)
            WHERE e.event_id > %s
            UNION ALL SELECT true, notice_id, recipient, kind, '', NULL FROM notice WHERE notice_id > %s
            ORDER BY is_notice, number""",
            [self._last_event_id, self._last_notice_id],
        ).fetchall():
            if is_notice:
                self._last_notice_id = number
                self.lines.append(f"{'':>7}to be sent: {what} to {about}")
            else:
                self._last_event_id = number
                self.lines.append(f"{'':>7}{about}: {what}{_who(actor)}{_told(detail)}")

    def __str__(self) -> str:
        return "\n".join(self.lines)


def _who(actor: str) -> str:
    return "" if actor == "desk" else f" by {actor.partition('-')[0]}"


def _told(detail: Mapping[str, object]) -> str:
    parts = [f"{name} {detail[name]}" for name in sorted(detail) if name != "of" and not name.endswith(("_id", "_ids"))]
    return f" ({', '.join(parts)})" if parts else ""
