"""What must hold of money: nobody pays what he has not agreed to, nor for what was not delivered."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


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


def what_is_charged_was_agreed() -> LiteralString:
    """A page to pay on, and what is taken there, is the deposit of a price that its owner has said yes to."""
    return """SELECT d.name || ' ' || r.component || ': ' || y.amount_minor || ' ' || y.currency || ' is ' || y.standing
        FROM rehearsal_payment y LEFT JOIN deposit p USING (deposit_id) LEFT JOIN quote q USING (quote_id)
        LEFT JOIN service_request r ON r.request_id = p.request_id LEFT JOIN device d USING (device_id)
        WHERE (y.amount_minor, y.currency) IS DISTINCT FROM (q.deposit_minor, q.currency)
            OR y.amount_minor > q.to_pay_minor OR y.returned_minor > y.amount_minor
            OR NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = q.request_id AND e.event = 'quote_accepted'
                AND e.actor = 'owner' AND (e.detail ->> 'quote_id')::bigint = q.quote_id)"""


def the_books_of_desk_and_provider_agree() -> LiteralString:
    """What the desk holds for taken is taken, what it holds for given back is on its way, and what is void holds nothing."""
    return """SELECT d.name || ' ' || r.component || ' is ' || p.state || ', and ' || coalesce(y.standing, 'not there')
        FROM deposit p JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        LEFT JOIN rehearsal_payment y ON y.session = p.session
        WHERE (p.state IN ('captured', 'refunding', 'settled') AND y.standing IS DISTINCT FROM 'taken')
            OR (p.state = 'settled' AND p.refunded_minor <> y.returned_minor)
            OR (p.state IN ('wanted', 'asked', 'captured') AND y.returned_minor > 0)
            OR (p.state = 'void' AND y.standing = 'taken')"""


def one_deposit_is_open_per_request() -> LiteralString:
    """An owner is asked to pay once at a time, and no more is held for his request than he has agreed to pay."""
    return """SELECT d.name || ' ' || r.component || ' has ' || count(*) || ' pages to pay on'
        FROM deposit p JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE p.state IN ('wanted', 'asked', 'authorised') GROUP BY d.name, r.request_id, r.component HAVING count(*) > 1
        UNION ALL SELECT d.name || ' ' || r.component || ': ' || sum(p.captured_minor - p.refunded_minor) || ' is held'
        FROM deposit p JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE p.state IN ('captured', 'settled') GROUP BY d.name, r.request_id, r.component
        HAVING sum(p.captured_minor - p.refunded_minor) > (SELECT max(q.to_pay_minor) FROM quote q
            WHERE q.request_id = r.request_id AND EXISTS (SELECT FROM request_event e
                WHERE e.request_id = r.request_id AND e.event = 'quote_accepted'
                    AND (e.detail ->> 'quote_id')::bigint = q.quote_id))"""


def money_is_given_back_when_nothing_is_delivered() -> LiteralString:
    """Of a request that ended without its repair nothing is kept, and nothing stays reserved on its owner's card."""
    return """SELECT d.name || ' ' || r.component || ': ' || y.amount_minor || ' is ' || y.standing
        FROM rehearsal_payment y JOIN deposit p USING (deposit_id) JOIN service_request r USING (request_id)
        JOIN device d USING (device_id)
        WHERE r.closed_at < %(now)s - 3 * %(patience)s::interval AND y.returned_minor < y.amount_minor
            AND (y.standing = 'taken' OR y.standing = 'reserved')
            -- Where the provider fails again and again a person has it in hand.
            AND p.attempts < 5
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event = 'completed'
                AND e.detail ->> 'finding' = 'repaired')"""


def a_price_ends_in_writing() -> LiteralString:
    """Whatever a price has ended by, an answer, its clock or the end of its request, it is written down in the same step."""
    return """SELECT d.name || ' ' || r.component || ': ' || q.to_pay_minor || ' ' || q.currency || ' is ' || q.state
        FROM quote q JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE q.state IN ('declined', 'expired') AND NOT EXISTS (SELECT FROM audit_record a
            WHERE a.request_id = q.request_id AND a.at = q.answered_at
                AND a.act IN ('quote_declined', 'quote_expired', 'price_withdrawn')
                AND (a.inputs ->> 'quote_id')::bigint = q.quote_id)"""


def nobody_is_asked_to_pay_for_a_closed_request() -> LiteralString:
    """A deposit that is not paid is let go of in the step that ends its request."""
    return """SELECT d.name || ' ' || r.component || ' is ' || r.state || ', and its deposit is ' || p.state
        FROM deposit p JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE r.closed_at IS NOT NULL AND p.state IN ('wanted', 'asked', 'authorised')"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    no_price_is_paid_that_was_not_agreed,
    what_is_charged_was_agreed,
    the_books_of_desk_and_provider_agree,
    one_deposit_is_open_per_request,
    money_is_given_back_when_nothing_is_delivered,
    a_price_ends_in_writing,
    nobody_is_asked_to_pay_for_a_closed_request,
)
