"""What must hold of letters: a danger at once, nothing twice, and not too many."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def nobody_is_told_the_same_twice() -> LiteralString:
    """One matter is one letter."""
    return """SELECT n.recipient || ' of ' || n.kind FROM notice n WHERE n.request_id IS NOT NULL AND n.kind <> 'link'
        -- A date that is moved is confirmed anew, under the same number.
        GROUP BY n.recipient, n.request_id, n.kind, n.detail, CASE WHEN n.kind = 'confirmed' THEN n.written_at END
        HAVING count(*) > 1"""


def an_owner_gets_three_unasked_letters_at_most() -> LiteralString:
    """Answers to his own acts and matters of safety do not count, nor does what a planner does by hand."""
    return """SELECT o.name || ' of ' || d.name || ' ' || r.component
        FROM notice n JOIN service_request r USING (request_id) JOIN device d ON d.device_id = r.device_id
        JOIN owner o ON o.owner_id = r.owner_id
        WHERE n.recipient = o.email AND n.kind IN ('offer', 'ask', 'quote', 'date_misfit', 'proof', 'reminder') AND NOT EXISTS (
            SELECT FROM request_event e WHERE e.request_id = n.request_id AND e.actor <> 'desk'
                AND e.event <> 'confirmed')
        GROUP BY o.name, d.name, r.request_id, r.component HAVING count(*) > 3"""


def a_safety_matter_is_told_at_once() -> LiteralString:
    """Owner and a named human know of it as soon as the desk does."""
    return """SELECT d.name || ' ' || r.component FROM service_request r JOIN device d USING (device_id)
        WHERE r.is_safety AND r.closed_at IS NULL
            -- Who takes his stop back was told before, of the request that he had stopped.
            AND NOT EXISTS (SELECT FROM notice n JOIN service_request s USING (request_id)
                WHERE s.device_id = r.device_id AND s.component = r.component AND n.kind = 'safety')"""


def who_knew_of_a_service_hears_of_its_end() -> LiteralString:
    """Who got a letter about it, or has asked for something, is not left waiting when somebody else cancels it."""
    return """SELECT o.name || ' of ' || d.name || ' ' || r.component
        FROM service_request r JOIN device d USING (device_id) JOIN owner o ON o.owner_id = r.owner_id
        WHERE r.state = 'cancelled'
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event = 'cancelled'
                AND e.actor = 'owner')
            AND (EXISTS (SELECT FROM notice n WHERE n.request_id = r.request_id AND n.recipient = o.email
                    AND n.sent_at IS NOT NULL)
                OR EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.actor = 'owner'))
            AND NOT EXISTS (SELECT FROM notice n WHERE n.request_id = r.request_id AND n.recipient = o.email
                AND n.kind = 'cancelled' AND n.withdrawn_at IS NULL)"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    nobody_is_told_the_same_twice,
    an_owner_gets_three_unasked_letters_at_most,
    a_safety_matter_is_told_at_once,
    who_knew_of_a_service_hears_of_its_end,
)
