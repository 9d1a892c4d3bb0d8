"""What must hold of faults and requests: one thread for one trouble, and an end that is one."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def one_fault_is_open_per_device_component_and_code() -> LiteralString:
    """Nobody is told of the same fault twice."""
    return """SELECT d.name || ' ' || f.component || ' ' || f.code FROM fault f JOIN device d USING (device_id)
        WHERE f.closed_at IS NULL GROUP BY d.name, f.component, f.code HAVING count(*) > 1"""


def one_request_is_open_per_device_and_component() -> LiteralString:
    """There is one thread for one trouble."""
    return """SELECT d.name || ' ' || r.component FROM service_request r JOIN device d USING (device_id)
        WHERE r.closed_at IS NULL GROUP BY d.name, r.component HAVING count(*) > 1"""


def an_open_fault_belongs_to_one_open_request() -> LiteralString:
    """What nobody is working on is not called open, and there is one fault to work on at a time."""
    return """SELECT d.name || ' ' || f.component || ' ' || f.code FROM fault f JOIN device d USING (device_id)
        WHERE f.closed_at IS NULL AND NOT EXISTS (
            SELECT FROM service_request r WHERE r.fault_id = f.fault_id AND r.closed_at IS NULL)"""


def nothing_is_kept_for_a_closed_request() -> LiteralString:
    """Parts, times, offers and cases end with their request."""
    return """SELECT d.name || ' ' || r.component || ' still has ' || k.what
        FROM service_request r JOIN device d USING (device_id) JOIN (
            SELECT request_id, 'a reserved part' AS what FROM reservation WHERE released_at IS NULL
            UNION ALL SELECT request_id, 'a held time' FROM booking WHERE kind = 'held' AND released_at IS NULL
            UNION ALL SELECT request_id, 'an open offer' FROM offer WHERE closed_at IS NULL
            UNION ALL SELECT request_id, 'an open price' FROM quote WHERE state = 'open'
            UNION ALL SELECT request_id, 'an open case' FROM human_case WHERE closed_at IS NULL
            UNION ALL SELECT request_id, 'a confirmed appointment' FROM appointment WHERE state = 'confirmed') k
            USING (request_id)
        WHERE r.closed_at IS NOT NULL"""


def nothing_happens_to_a_closed_request() -> LiteralString:
    """A request that is closed stays closed: what comes after is a new one."""
    return """SELECT d.name || ' ' || r.component || ': ' || e.event
        FROM service_request r JOIN device d USING (device_id) JOIN request_event e USING (request_id)
        WHERE r.closed_at IS NOT NULL AND e.happened_at > r.closed_at AND (e.event, e.actor) <> ('resumed', 'owner')
            -- Money goes back afterwards.
            AND e.event <> 'deposit_returned'
        UNION ALL SELECT d.name || ' ' || r.component || ' is ' || r.state
        FROM service_request r JOIN device d USING (device_id)
        WHERE (r.closed_at IS NOT NULL) <> (r.state IN ('solved', 'cancelled'))"""


def every_symptom_is_thought_of() -> LiteralString:
    """What a device has said is diagnosed, or is about to be."""
    return """SELECT d.name || ' ' || s.component || ' ' || s.monitor FROM symptom s JOIN device d USING (device_id)
        WHERE s.state = 'confirmed' AND d.retired_at IS NULL
            AND NOT EXISTS (SELECT FROM diagnosis g WHERE g.device_id = s.device_id AND s.symptom_id = ANY(g.symptom_ids))
            AND NOT EXISTS (SELECT FROM attention a WHERE a.device_id = s.device_id AND a.monitor = s.monitor
                AND (a.state IN ('shelved', 'suppressed', 'out_of_service') OR a.unsteady_until_at IS NOT NULL))
            AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'diagnose'
                AND j.status IN ('todo', 'doing') AND (j.args ->> 'device_id')::int = s.device_id
                AND j.args ->> 'component' = s.component)"""


def a_trouble_that_was_found_has_its_request() -> LiteralString:
    """What is diagnosed while its symptoms are there is somebody's work, or was."""
    return """SELECT d.name || ' ' || g.component FROM diagnosis g JOIN device d USING (device_id)
        WHERE NOT EXISTS (SELECT FROM service_request r WHERE r.device_id = g.device_id AND r.component = g.component)"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    one_fault_is_open_per_device_component_and_code,
    one_request_is_open_per_device_and_component,
    an_open_fault_belongs_to_one_open_request,
    nothing_is_kept_for_a_closed_request,
    nothing_happens_to_a_closed_request,
    every_symptom_is_thought_of,
    a_trouble_that_was_found_has_its_request,
)
