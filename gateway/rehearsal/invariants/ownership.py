"""What must hold of owners: a device that was sold is the new owner's, with its requests, its letters and its mandate."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def an_open_request_is_of_a_present_owner() -> LiteralString:
    """Who has sold a device has nothing open about it any more."""
    return """SELECT d.name || ' ' || r.component FROM service_request r JOIN device d USING (device_id)
        WHERE r.closed_at IS NULL AND NOT EXISTS (SELECT FROM device_owner w
            WHERE w.device_id = r.device_id AND w.owner_id = r.owner_id AND w.until_at IS NULL)"""


def a_mandate_is_of_a_present_owner() -> LiteralString:
    """What somebody has signed ends when the device is not his any more."""
    return """SELECT d.name || ' by ' || o.name FROM mandate m JOIN device d USING (device_id)
        JOIN owner o ON o.owner_id = m.owner_id
        WHERE m.ended_at IS NULL AND NOT EXISTS (SELECT FROM device_owner w
            WHERE w.device_id = m.device_id AND w.owner_id = m.owner_id AND w.until_at IS NULL)"""


def a_former_owner_hears_of_nothing_new() -> LiteralString:
    """The last letter about a device is the one that ends what he had."""
    return """SELECT n.recipient || ' of ' || n.kind || ' about ' || d.name
        FROM notice n JOIN service_request r USING (request_id) JOIN device d ON d.device_id = r.device_id
        JOIN owner o ON o.email = n.recipient
        WHERE n.written_at > (SELECT max(w.until_at) FROM device_owner w
                WHERE w.device_id = d.device_id AND w.owner_id = o.owner_id)
            AND NOT EXISTS (SELECT FROM device_owner w
                WHERE w.device_id = d.device_id AND w.owner_id = o.owner_id AND w.until_at IS NULL)
            -- A link that he asks for himself opens what was his.
            AND n.kind <> 'link'"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    an_open_request_is_of_a_present_owner,
    a_mandate_is_of_a_present_owner,
    a_former_owner_hears_of_nothing_new,
)
