"""What must hold after every event, each a function whose name says it; all are asked of the database in one statement.

Each returns a SELECT of one text column: one row, in words, for each place where it does not hold. `%(now)s` is the
virtual time. They know the tables and nothing of the code that fills them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from devices.products import product_types
from gateway.storage.connection import Connection

# The sweep of a rehearsal comes by once in some hours; what is due for longer than that was forgotten.
PATIENCE: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    where: str


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


def no_bay_and_no_technician_is_promised_twice() -> LiteralString:
    """Nobody is in two places, and no bay serves two at a time."""
    return """SELECT coalesce(b.name, t.name) || ' at ' || lower(one.during)::text FROM booking one
        JOIN booking two ON two.booking_id > one.booking_id AND two.during && one.during
            AND (two.bay_id = one.bay_id OR two.technician_id = one.technician_id)
        LEFT JOIN bay b ON b.bay_id = one.bay_id LEFT JOIN technician t ON t.technician_id = one.technician_id
        WHERE one.released_at IS NULL AND two.released_at IS NULL"""


def a_technician_has_time_for_the_way() -> LiteralString:
    """Between two promised visits there is time for the way between them, by the assumptions that are written down."""
    return """SELECT t.name || ' at ' || k.arrives_at::text FROM (
            SELECT technician_id, arrives_at, latitude, longitude,
                lag(upper(during)) OVER ordered AS done_at, lag(latitude) OVER ordered AS from_latitude,
                lag(longitude) OVER ordered AS from_longitude
            FROM booking WHERE technician_id IS NOT NULL AND released_at IS NULL
            WINDOW ordered AS (PARTITION BY technician_id ORDER BY lower(during))) k JOIN technician t USING (technician_id)
        WHERE k.done_at + make_interval(mins => (10 + ceil(1.4 / 30 * 60 * 2 * 6371 * asin(sqrt(
            sin(radians(k.latitude - k.from_latitude) / 2) ^ 2 + cos(radians(k.latitude)) * cos(radians(k.from_latitude))
                * sin(radians(k.longitude - k.from_longitude) / 2) ^ 2)) - 1e-6))::int) > k.arrives_at"""


def no_time_is_held_for_an_offer_that_is_closed() -> LiteralString:
    """What is not offered any more is free for others."""
    return """SELECT d.name || ' at ' || lower(k.during)::text FROM booking k JOIN offer o USING (offer_id)
        JOIN service_request r ON r.request_id = k.request_id JOIN device d USING (device_id)
        WHERE k.kind = 'held' AND k.released_at IS NULL AND o.closed_at IS NOT NULL"""


def a_booked_time_has_an_appointment_and_an_appointment_its_time() -> LiteralString:
    """A date that an owner has is kept for him, and no other time is."""
    return """SELECT d.name || ' at ' || lower(coalesce(k.during, a.during))::text
        FROM (SELECT * FROM booking WHERE kind = 'booked' AND released_at IS NULL) k
        FULL JOIN (SELECT * FROM appointment WHERE state = 'confirmed') a USING (booking_id)
        JOIN service_request r ON r.request_id = coalesce(k.request_id, a.request_id) JOIN device d USING (device_id)
        WHERE k.booking_id IS NULL OR (a.booking_id IS NULL AND NOT EXISTS (
            SELECT FROM appointment done WHERE done.booking_id = k.booking_id AND done.state = 'completed'))"""


def an_open_offer_is_of_a_request_that_is_offered() -> LiteralString:
    """An owner can answer what he was shown, and what he can answer he was shown."""
    return """SELECT d.name || ' ' || r.component || ' is ' || r.state
        FROM service_request r JOIN device d USING (device_id)
        LEFT JOIN offer o ON o.request_id = r.request_id AND o.closed_at IS NULL
        WHERE (r.state = 'offered' AND o.offer_id IS NULL)
            -- Beside a confirmed date there may be others, which its owner has asked for.
            OR (o.offer_id IS NOT NULL AND r.state NOT IN ('offered', 'confirmed'))"""


def an_offer_ends_in_time() -> LiteralString:
    """An offer that nobody answers gives its times back."""
    return """SELECT d.name || ' ' || r.component || ' since ' || o.expires_at::text
        FROM offer o JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE o.closed_at IS NULL AND o.expires_at < %(now)s - %(patience)s::interval"""


def no_date_is_promised_before_its_part() -> LiteralString:
    """Who is promised a date has every part of the work reserved at its place."""
    return """SELECT d.name || ' ' || r.component || ' lacks ' || n.part_no
        FROM service_request r JOIN device d USING (device_id) JOIN fault f USING (fault_id)
        JOIN booking_seen k ON k.request_id = r.request_id AND k.released_at IS NULL
        JOIN rehearsal_need n ON n.product = d.product AND n.fault = f.code
        WHERE k.done_at > %(now)s
            -- Dates that are shown beside a confirmed one stand on its parts, and are looked at again when one is tapped.
            AND (r.state = 'offered' OR (r.state = 'confirmed' AND k.kind = 'booked'))
            -- A diagnosis that changes after an offer unsends nothing; it is looked at when the owner answers.
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event = 'diagnosis_changed'
                AND e.happened_at >= (SELECT made_at FROM offer o WHERE o.offer_id = k.offer_id))
            AND NOT EXISTS (SELECT FROM reservation v WHERE v.request_id = r.request_id AND v.released_at IS NULL
                AND coalesce(nullif(v.role, ''), v.part_no) = n.part_no AND v.centre_id = k.centre_id
                AND coalesce(v.expected_at <= k.sets_out_at, true))"""


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


def every_act_of_the_desk_is_audited() -> LiteralString:
    """What was done in an owner's name was written down with its ground in the same step."""
    return """SELECT d.name || ' ' || r.component || ': ' || e.event FROM request_event e
        JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE e.actor = 'desk' AND e.event IN ('opened', 'offered', 'remedy_sent') AND NOT EXISTS (
            SELECT FROM audit_record a WHERE a.request_id = e.request_id AND a.at = e.happened_at AND a.act = e.event)"""


def every_act_of_the_desk_has_a_clause_that_was_valid() -> LiteralString:
    """The desk acts on a mandate that held at that time and had the clause; else a person is named."""
    return """SELECT d.name || ': ' || a.act || ' by ' || a.actor FROM audit_record a JOIN device d USING (device_id)
        WHERE a.actor = 'desk' AND NOT EXISTS (
            SELECT FROM mandate m JOIN mandate_clause c USING (mandate_id)
            WHERE m.mandate_id = a.mandate_id AND m.device_id = a.device_id AND c.clause = a.clause
                AND m.signed_at <= a.at AND coalesce(a.at < m.expires_at, true) AND coalesce(a.at < m.ended_at, true))"""


def the_audit_is_one_chain() -> LiteralString:
    """Each record has its link, and each link hashes it with the link before."""
    return """SELECT 'record ' || a.act || ' at ' || a.at::text FROM audit_record a
        LEFT JOIN (SELECT audit_id, number, previous, hash,
                coalesce(lag(hash) OVER ordered, decode(repeat('00', 32), 'hex')) AS before,
                row_number() OVER ordered AS place
            FROM audit_link WINDOW ordered AS (ORDER BY tenant_id, number)) l USING (audit_id)
        WHERE l.audit_id IS NULL OR l.previous <> l.before OR l.number <> l.place OR l.hash <> sha256(convert_to(
            format('{"act":"%%s","number":%%s,"previous":"%%s"}', encode(a.sha256, 'hex'), l.number,
                encode(l.previous, 'hex')), 'UTF8'))"""


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
        UNION ALL SELECT d.name || ' ' || r.component || ' is ' || r.state
        FROM service_request r JOIN device d USING (device_id)
        WHERE (r.closed_at IS NOT NULL) <> (r.state IN ('solved', 'cancelled'))"""


def no_offer_is_unsent_by_a_reading() -> LiteralString:
    """What an owner was shown is taken back by a person or by himself, never by what a device says later."""
    return """SELECT d.name || ' ' || r.component || ' at ' || o.closed_at::text
        FROM offer o JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE o.outcome = 'withdrawn'
            AND EXISTS (SELECT FROM diagnosis g WHERE g.device_id = r.device_id AND g.component = r.component
                AND g.made_at = o.closed_at)
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = o.request_id
                AND e.happened_at = o.closed_at AND e.actor <> 'desk')"""


def nobody_is_promised_while_absent() -> LiteralString:
    """Who is known to be absent keeps no promise ahead: somebody else does, or its owner knows that it is called off."""
    return """SELECT coalesce(t.name, b.name) || ' at ' || lower(k.during)::text
        FROM absence a JOIN booking k ON k.during && a.during
            AND (k.technician_id = a.technician_id OR k.bay_id = a.bay_id)
        LEFT JOIN technician t ON t.technician_id = a.technician_id LEFT JOIN bay b ON b.bay_id = a.bay_id
        WHERE a.withdrawn_at IS NULL AND k.released_at IS NULL AND lower(k.during) > %(now)s
            AND a.entered_at < %(now)s - %(patience)s::interval"""


def no_price_is_paid_that_was_not_agreed() -> LiteralString:
    """A date is an owner's when he has said yes to what he pays, and money that was taken adds up."""
    return """SELECT d.name || ' ' || r.component || ' for ' || q.to_pay_minor || ' ' || q.currency
        FROM appointment a JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        JOIN quote q ON q.request_id = r.request_id AND q.state = 'open'
        WHERE a.state = 'confirmed' AND q.to_pay_minor > 0 AND q.made_at < a.confirmed_at
        UNION ALL SELECT d.name || ' ' || r.component || ': ' || p.captured_minor || ' taken, ' || p.paid_minor || ' used, '
            || p.refunded_minor || ' given back'
        FROM deposit p JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE p.state = 'settled' AND p.captured_minor <> p.paid_minor + p.refunded_minor"""


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


def nobody_is_told_the_same_twice() -> LiteralString:
    """One matter is one letter."""
    return """SELECT n.recipient || ' of ' || n.kind FROM notice n WHERE n.request_id IS NOT NULL AND n.kind <> 'link'
        -- A date that is moved is confirmed anew, under the same number.
        GROUP BY n.recipient, n.request_id, n.kind, n.detail, CASE WHEN n.kind = 'confirmed' THEN n.written_at END
        HAVING count(*) > 1"""


def an_owner_gets_three_unasked_letters_at_most() -> LiteralString:
    """Answers to his own acts and matters of safety do not count, nor does what a planner does by hand."""
    return """SELECT o.name || ' of ' || d.name || ' ' || r.component
        FROM notice n JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        JOIN owner o ON o.owner_id = r.owner_id
        WHERE n.recipient = o.email AND n.kind IN ('offer', 'ask', 'quote', 'proof', 'reminder') AND NOT EXISTS (
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


Invariant = Callable[[], LiteralString]

INVARIANTS: Final[Sequence[Invariant]] = (
    one_fault_is_open_per_device_component_and_code,
    one_request_is_open_per_device_and_component,
    an_open_fault_belongs_to_one_open_request,
    no_bay_and_no_technician_is_promised_twice,
    a_technician_has_time_for_the_way,
    no_time_is_held_for_an_offer_that_is_closed,
    a_booked_time_has_an_appointment_and_an_appointment_its_time,
    an_open_offer_is_of_a_request_that_is_offered,
    an_offer_ends_in_time,
    no_date_is_promised_before_its_part,
    stock_is_conserved,
    every_act_of_the_desk_is_audited,
    every_act_of_the_desk_has_a_clause_that_was_valid,
    the_audit_is_one_chain,
    nothing_is_kept_for_a_closed_request,
    nothing_happens_to_a_closed_request,
    no_offer_is_unsent_by_a_reading,
    nobody_is_promised_while_absent,
    no_price_is_paid_that_was_not_agreed,
    every_case_has_an_owner,
    every_case_is_told_to_its_owner,
    every_late_case_is_warned_of,
    every_open_request_has_a_next_step,
    no_open_request_stands_still,
    every_symptom_is_thought_of,
    a_trouble_that_was_found_has_its_request,
    nobody_is_told_the_same_twice,
    an_owner_gets_three_unasked_letters_at_most,
    a_safety_matter_is_told_at_once,
)


def sentence(invariant: Invariant) -> str:
    """Return an invariant's name as it is read.

    >>> sentence(an_offer_ends_in_time)
    'an offer ends in time'
    """
    return invariant.__name__.replace("_", " ")


class Checker:
    """Asks a database about all invariants at once.

    Parameters
    ----------
    connection : Connection
        As the owner of the tables, to whom row-level security hides nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # The statement is long: planned anew each time it would take longer to plan than to run.
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("CREATE TEMP TABLE rehearsal_need (product text, fault text, part_no text)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO rehearsal_need VALUES (%s, %s, %s)", _needs())
        self._asked = ""
        for number, invariant in enumerate(INVARIANTS):
            self._asked += f"{' UNION ALL ' if number else ''}SELECT {number}, found FROM ({invariant()}) AS o (found)"  # noqa: S608  # our own texts

    def check(self, now: datetime) -> list[Violation]:
        """Return what does not hold now."""
        rows: list[tuple[int, str]] = self._connection.execute(
            self._asked.encode(), {"now": now, "patience": PATIENCE}, prepare=True
        ).fetchall()
        return [Violation(sentence(INVARIANTS[number]), where) for number, where in rows]


def _needs() -> list[tuple[str, str, str]]:
    return [
        (product.name, remedy.fault, part_no)
        for product in product_types().values()
        for remedy in product.remedies.values()
        for part_no in remedy.part_nos
    ]
