-- The plain sign of life is written once: in the lane that a message goes on with. A device's presence holds what lanes do
-- not say - its words, silences, and signs of messages without a number - and what it is heard is the newest of both.

-- Whoever has a lane has a presence: what follows a new lane is written into the lane alone.
INSERT INTO device_presence (device_id) SELECT DISTINCT device_id FROM device_sequence ON CONFLICT DO NOTHING;
-- Until now a lane was heard by what the broker repeats, too, which is no sign of life.
UPDATE device_sequence s SET heard_at = coalesce(p.heard_at, 'epoch')
FROM device_presence p WHERE p.device_id = s.device_id AND s.heard_at > coalesce(p.heard_at, 'epoch');

-- A lane of which only the broker's repetitions are known was never heard, which is written as 1970. All lanes count, for
-- the present one need not be the one that was heard last. What a query does not name is not looked for.
CREATE VIEW device_heard WITH (security_invoker) AS
SELECT p.device_id, p.is_online, p.told_at, p.changed_at,
    greatest(p.heard_at, (
        SELECT max(s.heard_at) FROM device_sequence s WHERE s.device_id = p.device_id AND s.heard_at > 'epoch')) AS heard_at,
    greatest(p.newest_claimed_at, (
        SELECT max(s.newest_claimed_at) FROM device_sequence s WHERE s.device_id = p.device_id)) AS newest_claimed_at,
    p.silent_since_at, p.returned_at
FROM device_presence p;

-- As before, but for the newest reading, which is looked for only where a device has no anchor.
CREATE OR REPLACE VIEW reading_need AS
    -- What detectors would take in again, were a reading to come late: nothing but the last of a device that is quiet. One
    -- without an anchor has been watched for less than the longest time that a reading may be late.
    SELECT d.device_id, 'detectors' AS need, NULL::bigint AS subject,
        coalesce(a.anchor_at, (SELECT h.newest_claimed_at FROM device_heard h WHERE h.device_id = d.device_id)
            - interval '7 days', '-infinity') AS begins_at,
        'infinity'::timestamptz AS ends_at
    FROM device d LEFT JOIN (
        SELECT device_id, min(anchor_at) AS anchor_at FROM detector_anchor GROUP BY device_id) a USING (device_id)
    WHERE d.retired_at IS NULL
    UNION ALL
    -- What the evidence of a request shows, with as much before it as its figures draw.
    SELECT r.device_id, CASE WHEN r.is_safety THEN 'safety request' ELSE 'request' END, r.request_id,
        since.at - greatest(interval '6 hours', 0.35 * (coalesce(r.closed_at, now()) - since.at)),
        CASE WHEN kept.is_open THEN 'infinity' ELSE r.closed_at + interval '2 days' END
    FROM service_request r JOIN diagnosis g USING (diagnosis_id),
        LATERAL (SELECT least(g.since_at, min(s.since_at)) AS at FROM symptom s WHERE s.symptom_id = ANY (g.symptom_ids)) since,
        LATERAL (SELECT r.closed_at IS NULL
            OR EXISTS (SELECT FROM human_case h WHERE h.request_id = r.request_id AND h.closed_at IS NULL)
            OR EXISTS (SELECT FROM appointment a WHERE a.request_id = r.request_id AND a.state = 'confirmed') AS is_open) kept
    WHERE kept.is_open OR r.closed_at > now() - interval '90 days'
    UNION ALL
    SELECT device_id, 'symptom', symptom_id, since_at - greatest(interval '6 hours', 0.35 * (now() - since_at)), 'infinity'
    FROM symptom WHERE state IN ('pending', 'confirmed')
    UNION ALL
    SELECT device_id, 'fault', fault_id, since_at - greatest(interval '6 hours', 0.35 * (now() - since_at)), 'infinity'
    FROM fault WHERE closed_at IS NULL
    UNION ALL
    SELECT m.device_id, 'incident', m.incident_id, m.since_at - interval '2 days', 'infinity'
    FROM incident_device m JOIN incident i USING (incident_id)
    WHERE i.closed_at IS NULL OR i.closed_at > now() - interval '90 days'
    UNION ALL
    SELECT device_id, 'receipt', decision_id, coalesce(begins_at, '-infinity'), ends_at + interval '1 microsecond'
    FROM receipt_stretch;

-- ---------------------------------------------------------------- rights

GRANT SELECT ON device_heard TO callout_ingest, callout_work, callout_serve;
GRANT SELECT (device_id, heard_at, newest_claimed_at) ON device_sequence TO callout_work, callout_serve;
CREATE POLICY own_devices_only ON device_sequence FOR SELECT TO callout_work, callout_serve
    USING (EXISTS (SELECT FROM device d WHERE d.device_id = device_sequence.device_id));
