"""What must hold of acts: each has a ground that was valid then, and its link in the chain."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


def every_act_of_the_desk_is_audited() -> LiteralString:
    """What was done in an owner's name was written down with its ground in the same step."""
    return """SELECT d.name || ' ' || r.component || ': ' || e.event FROM request_event e
        JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE e.actor = 'desk' AND e.event IN ('opened', 'offered', 'remedy_sent') AND NOT EXISTS (
            SELECT FROM audit_record a WHERE a.request_id = e.request_id AND a.at = e.happened_at AND a.act = e.event)"""


def every_step_of_money_and_every_warning_is_audited() -> LiteralString:
    """What was decided about money, or told about a danger, was written down in the same step, whoever it was."""
    return """SELECT d.name || ' ' || r.component || ': ' || e.event FROM request_event e
        JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE e.event IN ('device_warned', 'priced', 'quote_accepted', 'quote_declined', 'quote_expired', 'goodwill_granted',
                'goodwill_withdrawn', 'deposit_wanted', 'deposit_paid', 'deposit_returned', 'deposit_failed')
            AND NOT EXISTS (SELECT FROM audit_record a
                WHERE a.request_id = e.request_id AND a.at = e.happened_at AND a.act = e.event)"""


def every_act_of_the_desk_has_a_clause_that_was_valid() -> LiteralString:
    """The desk acts on a mandate that held at that time and had the clause; else a person is named."""
    return """SELECT d.name || ': ' || a.act || ' by ' || a.actor FROM audit_record a JOIN device d USING (device_id)
        WHERE a.actor = 'desk' AND NOT EXISTS (
            SELECT FROM mandate m JOIN mandate_clause c USING (mandate_id)
            WHERE m.mandate_id = a.mandate_id AND m.device_id = a.device_id AND c.clause = a.clause
                AND m.signed_at <= a.at AND coalesce(a.at < m.expires_at, true) AND coalesce(a.at < m.ended_at, true))"""


def the_audit_is_one_chain() -> LiteralString:
    """Each record has its link, and each link hashes it with the link before; rows as old as the last look were hashed then."""
    return """SELECT 'record ' || a.act || ' at ' || a.at::text FROM audit_record a
        LEFT JOIN (SELECT audit_id, number, previous, hash, xmin AS written_by,
                coalesce(lag(hash) OVER ordered, decode(repeat('00', 32), 'hex')) AS before,
                row_number() OVER ordered AS place
            FROM audit_link WINDOW ordered AS (ORDER BY tenant_id, number)) l USING (audit_id)
        WHERE l.audit_id IS NULL OR l.previous <> l.before OR l.number <> l.place
            OR (greatest(a.xmin::text::bigint, l.written_by::text::bigint) >= %(looked_before)s AND l.hash <> sha256(
                convert_to(format('{"act":"%%s","number":%%s,"previous":"%%s"}', encode(a.sha256, 'hex'), l.number,
                    encode(l.previous, 'hex')), 'UTF8')))"""


def an_undone_act_leaves_nothing_held() -> LiteralString:
    """What a planner took back promises nothing any more, until a person lets it go on."""
    return """SELECT d.name || ' ' || r.component || ' is ' || r.state || ' and still has ' || k.what
        FROM service_request r JOIN device d USING (device_id)
        JOIN LATERAL (SELECT max(event_id) AS event_id FROM request_event e
            WHERE e.request_id = r.request_id AND e.event = 'undone'
                -- Whose visit is put back, or whose earlier date is taken back, keeps his date.
                AND e.detail ->> 'act' NOT IN ('replanned', 'earlier_offered', 'refit_offered')) u ON u.event_id IS NOT NULL
        JOIN (SELECT request_id, 'a reserved part' AS what FROM reservation WHERE released_at IS NULL
            UNION ALL SELECT request_id, 'a promised time' FROM booking WHERE released_at IS NULL
            UNION ALL SELECT request_id, 'an open offer' FROM offer WHERE closed_at IS NULL
            UNION ALL SELECT request_id, 'a command under way' FROM remedy_attempt WHERE ended_at IS NULL
            UNION ALL SELECT request_id, 'a confirmed date' FROM appointment WHERE state = 'confirmed') k
            ON k.request_id = r.request_id
        WHERE NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event_id > u.event_id
            AND e.event IN ('approved', 'quote_accepted'))"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    every_act_of_the_desk_is_audited,
    every_step_of_money_and_every_warning_is_audited,
    every_act_of_the_desk_has_a_clause_that_was_valid,
    the_audit_is_one_chain,
    an_undone_act_leaves_nothing_held,
)
