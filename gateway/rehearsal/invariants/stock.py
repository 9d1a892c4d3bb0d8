"""What must hold of parts: none is promised twice, none leaks away."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def stock_is_conserved() -> LiteralString:
    """No part is promised twice, and none leaks away: each count is the sum of its movements and of what is promised."""
    return """SELECT c.name || ' ' || s.part_no || ': ' || s.on_hand || ' on hand, ' || s.on_order || ' on order, '
            || s.allocated || ' allocated, ' || s.awaited || ' awaited'
        FROM stock_level s JOIN service_centre c USING (centre_id)
        LEFT JOIN (SELECT centre_id, part_no, sum(on_hand) AS on_hand, sum(on_order) AS on_order,
                sum(allocated) AS allocated, sum(awaited) AS awaited FROM stock_movement GROUP BY centre_id, part_no) m
            USING (centre_id, part_no)
        LEFT JOIN (SELECT centre_id, part_no, sum(quantity) FILTER (WHERE inbound_id IS NULL) AS allocated,
                sum(quantity) FILTER (WHERE inbound_id IS NOT NULL) AS awaited FROM reservation WHERE released_at IS NULL
            GROUP BY centre_id, part_no) v USING (centre_id, part_no)
        LEFT JOIN (SELECT centre_id, part_no, sum(quantity) AS on_order FROM inbound WHERE ended_at IS NULL
            GROUP BY centre_id, part_no) i USING (centre_id, part_no)
        WHERE (s.on_hand, s.on_order, s.allocated, s.awaited) IS DISTINCT FROM (coalesce(m.on_hand, 0),
                coalesce(m.on_order, 0), coalesce(m.allocated, 0), coalesce(m.awaited, 0))
            OR (s.on_order, s.allocated, s.awaited) IS DISTINCT FROM
                (coalesce(i.on_order, 0), coalesce(v.allocated, 0), coalesce(v.awaited, 0))
            OR s.allocated > s.on_hand OR s.awaited > s.on_order OR s.on_hand < 0"""


INVARIANTS: Final[tuple[Invariant, ...]] = (stock_is_conserved,)
