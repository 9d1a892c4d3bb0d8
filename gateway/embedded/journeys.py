"""Journeys: each request's way from the deciding reading to its end, for whoever watches a demonstration.

It reads what the steps have written into the requests' histories, all of them in one query, and decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from devices.products import product_type
from gateway.storage.connection import Connection

_HISTORIES: Final = """
    SELECT d.name AS device, d.product, f.code AS fault, r.state, r.decided_received_at,
        t.rung, t.state AS attempt, t.why,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(e.event, extract(epoch FROM e.happened_at), e.detail)
                ORDER BY e.event_id), '[]')
            FROM callout.request_event e WHERE e.request_id = r.request_id) AS events
    FROM callout.service_request r
    JOIN callout.device d USING (device_id)
    JOIN callout.fault f USING (fault_id)
    LEFT JOIN LATERAL (SELECT rung, state, why FROM callout.remedy_attempt a
        WHERE a.request_id = r.request_id ORDER BY a.attempt_id DESC LIMIT 1) AS t ON true
    ORDER BY r.request_id
"""
# What is told of a history, in the words of the way.
_STEPS: Final = {
    "opened": "opened",
    "remedy_sent": "remedy_sent",
    "remedy_given_up": "remedy_failed",
    "part_reserved": "part_held",
    "offered": "offered",
    "confirmed": "confirmed",
    "part_ordered": "part_ordered",
    "part_confirmed": "part_promised",
    "solved": "verified",
}
_ENDED: Final = {"proven": "verified", "failed": "failed", "withdrawn": "withdrawn"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried from afar: its name, `verified` or `failed` (`under_way` before), and what happened to it last."""

    name: str
    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Journey:
    """A request's way.

    Parameters
    ----------
    device, product, fault, state : str
        Which device, what it is, what is wrong with it, and where its request stands.
    remedy : Tried or None
        None where nothing can be tried from afar.
    part : str or None
        Numbers of the parts that were put aside; None where none is needed, or none was yet.
    source : str or None
        Where the first of them comes from: `on_hand`, `transfer` from another centre, `on_its_way` or `order` from a
        supplier; None as for the part.
    fulfilment : str or None
        `remote` where it was healed from afar, else how it is to be mended; None where a person says.
    seconds : mapping of str to float
        Steps in their order, each with the seconds since the one before, the first since the deciding reading came in.
    """

    device: str
    product: str
    fault: str
    state: str
    remedy: Tried | None
    part: str | None
    source: str | None
    fulfilment: str | None
    seconds: Mapping[str, float]

    @property
    def is_whole(self) -> bool:
        """Whether something was tried from afar, and it is well or the owner has a date; what was ordered is promised."""
        is_decided = self.remedy is not None and self.remedy.outcome in {"verified", "failed"}
        is_promised = "part_ordered" not in self.seconds or "part_promised" in self.seconds
        return is_decided and is_promised and self.state in {"confirmed", "solved"}

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return {**asdict(self), "seconds": dict(self.seconds)}


@dataclass(frozen=True, slots=True)
class _History:
    device: str
    product: str
    fault: str
    state: str
    decided_received_at: datetime
    rung: str | None
    attempt: str | None
    why: str | None
    events: Sequence[tuple[str, float, Mapping[str, Any]]]


def journeys(connection: Connection) -> list[Journey]:
    """Return the journeys of all requests, in the order in which they were opened."""
    with connection.cursor(row_factory=class_row(_History)) as cursor:
        return [_journey(row) for row in cursor.execute(_HISTORIES).fetchall()]


def _journey(row: _History) -> Journey:
    held: list[Mapping[str, Any]] = [detail for event, _, detail in row.events if event == "part_reserved"]
    remedy = product_type(row.product).remedies.get(row.fault)
    fulfilment = None if remedy is None or remedy.fulfilment is None else remedy.fulfilment.value
    return Journey(
        row.device,
        row.product,
        row.fault,
        row.state,
        None if row.rung is None else Tried(row.rung, _ENDED.get(row.attempt or "", "under_way"), row.why or ""),
        ", ".join(held[0]["parts"]) if held else None,
        held[0]["sources"][0]["source"] if held else None,
        "remote" if row.state == "solved" else fulfilment,
        _seconds(row),
    )


def _seconds(row: _History) -> dict[str, float]:
    taken: dict[str, float] = {}
    before_s = row.decided_received_at.timestamp()
    for event, at_s, _ in row.events:
        step = _STEPS.get(event)
        if step is not None and step not in taken:
            taken[step] = round(float(at_s) - before_s, 3)
            before_s = float(at_s)
    return taken
