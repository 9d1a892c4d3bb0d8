"""What must hold of people who wait: a named human, a clock or a date ahead for everybody, and for each report an answer."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def every_case_has_an_owner() -> LiteralString:
    """A case is a named human's, and has a clock."""
    return """SELECT d.name || ' ' || r.component || ' ' || c.queue
        FROM human_case c JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE c.closed_at IS NULL AND (c.due_at IS NULL OR NOT EXISTS (SELECT FROM staff s WHERE s.staff_id = c.staff_id))"""


def every_case_is_told_to_its_owner() -> LiteralString:
    """Nobody is expected to know of a case that he was never told of."""
    return """SELECT d.name || ' ' || r.component || ' ' || c.queue
        FROM human_case c JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE c.closed_at IS NULL AND NOT EXISTS (SELECT FROM notice n WHERE n.request_id = c.request_id
            AND n.kind = 'case_opened' AND n.detail ->> 'case_id' = c.case_id::text)"""


def every_late_case_is_warned_of() -> LiteralString:
    """A case's clock is looked at."""
    return """SELECT d.name || ' ' || r.component || ' ' || c.queue || ' since ' || c.due_at::text
        FROM human_case c JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE c.closed_at IS NULL AND c.warned_at IS NULL AND c.due_at < %(now)s - %(patience)s::interval"""


def every_open_request_has_a_next_step() -> LiteralString:
    """A job, a clock, a named human or a date ahead: no one is left waiting for nothing."""
    return """SELECT d.name || ' ' || r.component || ' is ' || r.state
        FROM service_request r JOIN device d USING (device_id)
        WHERE r.closed_at IS NULL
            AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name <> 'send_notices'
                AND j.status IN ('todo', 'doing') AND (j.args ->> 'request_id')::bigint = r.request_id)
            AND NOT EXISTS (SELECT FROM human_case c WHERE c.request_id = r.request_id AND c.closed_at IS NULL)
            AND NOT (r.state IN ('open', 'waiting') AND r.changed_at > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM offer o WHERE o.request_id = r.request_id AND o.closed_at IS NULL
                AND o.expires_at > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM owner_ask k WHERE k.request_id = r.request_id AND k.closed_at IS NULL
                AND k.due_at > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM quote q WHERE q.request_id = r.request_id AND q.state = 'open'
                AND q.valid_until > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM deposit p WHERE p.request_id = r.request_id AND p.state NOT IN ('settled', 'void')
                AND p.due_at > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM remedy_attempt m WHERE m.request_id = r.request_id AND m.ended_at IS NULL
                AND m.due_at > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM appointment a JOIN booking_seen k USING (booking_id)
                WHERE a.request_id = r.request_id AND a.state = 'confirmed'
                    AND greatest(k.done_at, upper(a.during)) > %(now)s - %(patience)s::interval)"""


def no_open_request_stands_still() -> LiteralString:
    """A request for which dates are to be looked for has its dates, or a human who knows why not."""
    return """SELECT d.name || ' ' || r.component || ' since ' || e.newest_at::text
        FROM service_request r JOIN device d USING (device_id)
        JOIN LATERAL (SELECT max(happened_at) AS newest_at FROM request_event e WHERE e.request_id = r.request_id) e ON true
        WHERE r.state = 'open' AND coalesce(e.newest_at, r.opened_at) < %(now)s - 3 * %(patience)s::interval
            AND NOT EXISTS (SELECT FROM human_case c WHERE c.request_id = r.request_id AND c.closed_at IS NULL)"""


def a_report_of_an_owner_gets_an_answer() -> LiteralString:
    """Who has told something, or asked for something, hears of it, or a named human has it in hand."""
    return """SELECT d.name || ' ' || r.component || ' since ' || e.happened_at::text
        FROM request_event e JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE e.event = 'owner_reported' AND r.closed_at IS NULL AND e.happened_at < %(now)s - %(patience)s::interval
            -- What only agrees with what is in hand changes nothing, and goes the way of it.
            AND (e.detail ->> 'reason' <> '' OR r.state = 'held' OR e.detail ->> 'fault' <> (
                SELECT f.code FROM fault f WHERE f.fault_id = r.fault_id))
            AND NOT EXISTS (SELECT FROM human_case c WHERE c.request_id = r.request_id
                AND coalesce(c.closed_at > e.happened_at, true))
            AND NOT EXISTS (SELECT FROM request_event a WHERE a.request_id = r.request_id AND a.event_id > e.event_id
                AND a.event IN ('approved', 'offered', 'quoted', 'asked', 'confirmed', 'remedy_sent'))"""


def a_question_to_an_owner_ends_in_time() -> LiteralString:
    """Who is asked for one look and does not answer is not waited for any longer than he was told."""
    return """SELECT d.name || ' ' || r.component || ' about ' || k.name || ' since ' || k.due_at::text
        FROM owner_ask k JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE k.closed_at IS NULL AND k.due_at < %(now)s - %(patience)s::interval"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    every_case_has_an_owner,
    every_case_is_told_to_its_owner,
    every_late_case_is_warned_of,
    every_open_request_has_a_next_step,
    no_open_request_stands_still,
    a_report_of_an_owner_gets_an_answer,
    a_question_to_an_owner_ends_in_time,
)
