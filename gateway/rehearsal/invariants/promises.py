"""What must hold of dates: nobody is promised twice, too early, while absent, or without what the work needs."""

from typing import Final, LiteralString

from gateway.rehearsal.invariants.invariant import Invariant


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


def a_date_is_within_the_hours_of_its_place() -> LiteralString:
    """What is promised begins and ends while people work there, by the clocks of the place on that day."""
    return """SELECT coalesce(t.name, b.name) || ' at ' || k.begins::text || ' by its own clock'
        FROM (SELECT k.*, lower(k.during) AT TIME ZONE c.time_zone AS begins, upper(k.during) AT TIME ZONE c.time_zone AS ends,
                c.hours AS centre_hours FROM booking k
            LEFT JOIN bay USING (bay_id) LEFT JOIN technician USING (technician_id)
            JOIN service_centre c ON c.centre_id = coalesce(bay.centre_id, technician.centre_id)
            WHERE k.released_at IS NULL) k
        LEFT JOIN technician t USING (technician_id) LEFT JOIN bay b USING (bay_id)
        CROSS JOIN LATERAL (SELECT coalesce(t.hours, k.centre_hours) -> to_char(k.begins, 'dy') AS hours) h
        WHERE h.hours IS NULL OR k.begins::time < (h.hours ->> 0)::time OR k.ends::time > (h.hours ->> 1)::time
            OR k.begins::date <> k.ends::date"""


def what_an_owner_was_told_stands() -> LiteralString:
    """Who comes may change; the window that an owner was told does not, unless he is asked."""
    return """SELECT d.name || ' ' || r.component || ' was told ' || a.during::text || ', and it is '
            || coalesce(k.arrival_window, k.during)::text
        FROM appointment a JOIN booking k USING (booking_id) JOIN service_request r ON r.request_id = a.request_id
        JOIN device d USING (device_id)
        WHERE a.state = 'confirmed' AND a.during <> coalesce(k.arrival_window, k.during)"""


def a_date_that_does_not_suffice_is_in_somebodys_hands() -> LiteralString:
    """Where what has to be done does not fit into a confirmed date any more, its owner was asked or a person has it."""
    return """SELECT d.name || ' ' || r.component || ' at ' || k.begins_at::text
        FROM appointment a JOIN booking_seen k USING (booking_id) JOIN service_request r ON r.request_id = a.request_id
        JOIN device d USING (device_id) JOIN fault f USING (fault_id)
        JOIN rehearsal_work w ON w.product = d.product AND w.fault = f.code
        WHERE a.state = 'confirmed' AND r.state = 'confirmed' AND k.sets_out_at > %(now)s
            AND a.confirmed_at < %(now)s - %(patience)s::interval
            AND (w.is_visit <> k.is_visit OR NOT w.skills <@ k.skills
                OR k.done_at - k.arrives_at < make_interval(mins => w.minutes))
            AND NOT EXISTS (SELECT FROM human_case c WHERE c.request_id = r.request_id
                AND coalesce(c.closed_at, %(now)s) > %(now)s - %(patience)s::interval)
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND (
                (e.event = 'diagnosis_changed' AND e.happened_at > %(now)s - %(patience)s::interval)
                OR (e.event = 'date_misfit' AND e.detail ->> 'fault' = f.code
                    AND (e.detail ->> 'booking_id')::bigint = k.booking_id)))"""


def a_date_is_confirmed_before_it_begins() -> LiteralString:
    """Nobody can choose what is past."""
    return """SELECT d.name || ' ' || r.component || ' at ' || a.confirmed_at::text
        FROM appointment a JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE a.confirmed_at >= lower(a.during)"""


def a_lost_date_is_told_at_once() -> LiteralString:
    """Whoever has lost a promised date, for want of a part or of a person, hears of it, and a named human has it in hand."""
    return """SELECT d.name || ' ' || r.component || ' at ' || e.happened_at::text
        FROM request_event e JOIN service_request r USING (request_id) JOIN device d USING (device_id)
        WHERE e.event IN ('date_lost', 'called_off') AND NOT (
            EXISTS (SELECT FROM notice n WHERE n.request_id = e.request_id AND n.kind = e.event
                AND n.written_at = e.happened_at)
            AND EXISTS (SELECT FROM human_case c WHERE c.request_id = e.request_id
                AND c.opened_at <= e.happened_at AND coalesce(c.closed_at >= e.happened_at, true)))"""


INVARIANTS: Final[tuple[Invariant, ...]] = (
    no_bay_and_no_technician_is_promised_twice,
    a_technician_has_time_for_the_way,
    no_time_is_held_for_an_offer_that_is_closed,
    a_booked_time_has_an_appointment_and_an_appointment_its_time,
    an_open_offer_is_of_a_request_that_is_offered,
    an_offer_ends_in_time,
    no_date_is_promised_before_its_part,
    no_offer_is_unsent_by_a_reading,
    nobody_is_promised_while_absent,
    a_date_is_within_the_hours_of_its_place,
    what_an_owner_was_told_stands,
    a_date_that_does_not_suffice_is_in_somebodys_hands,
    a_date_is_confirmed_before_it_begins,
    a_lost_date_is_told_at_once,
)
