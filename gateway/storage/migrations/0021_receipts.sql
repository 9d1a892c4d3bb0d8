-- Evidence receipts: what each decision stood on, written once with it and never changed. What a receipt names - the
-- readings and what detectors remembered before them - is kept for as long as the receipt is.

-- Bytes that receipts cite, by their own hash: what detectors remembered of a device before the readings, ticks of the
-- server's clock, and the rules of a component as they were. The same bytes are kept once.
CREATE TABLE kept_content (
    sha256 bytea PRIMARY KEY,
    content bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT kept_content_is_what_its_name_says CHECK (sha256 = sha256(content))
);

-- From where a confirmed symptom can be recomputed: what was remembered before (null: nothing), the readings from
-- begins_at (null: the first) to the one that decided it, and the last ingest number of its partition that there was then.
CREATE TABLE symptom_basis (
    symptom_id bigint PRIMARY KEY REFERENCES symptom,
    state_sha256 bytea REFERENCES kept_content,
    begins_at timestamptz,
    ends_at timestamptz NOT NULL,
    last_ingest_no bigint NOT NULL
);

-- One receipt for each decision: canonical JSON (RFC 8785) and its hash. The number of the decision is not part of it.
CREATE TABLE decision_receipt (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    component text NOT NULL,
    diagnosis_id bigint REFERENCES diagnosis,
    request_id bigint REFERENCES service_request,
    decided_at timestamptz NOT NULL,
    outcome text NOT NULL CONSTRAINT outcome_of_a_decision_is_known
        CHECK (outcome IN ('request', 'case', 'safety_case', 'amended', 'released', 'nothing')),
    rules_sha256 bytea NOT NULL REFERENCES kept_content,
    ticks_sha256 bytea REFERENCES kept_content,
    receipt bytea NOT NULL,
    sha256 bytea NOT NULL,
    CONSTRAINT receipt_is_what_its_hash_says CHECK (sha256 = sha256(receipt)),
    CONSTRAINT one_receipt_per_decision UNIQUE (diagnosis_id),
    CONSTRAINT only_nothing_is_decided_without_a_diagnosis CHECK ((diagnosis_id IS NULL) = (outcome = 'nothing'))
);
CREATE INDEX decision_of_component ON decision_receipt (device_id, component, decision_id DESC);
CREATE INDEX decision_of_request ON decision_receipt (request_id, decision_id DESC) WHERE request_id IS NOT NULL;
CREATE INDEX decision_of_tenant ON decision_receipt (tenant_id, decision_id);

-- The stretches of readings that a decision stands on, each after a state of the detectors.
CREATE TABLE receipt_stretch (
    decision_id bigint NOT NULL REFERENCES decision_receipt,
    place smallint NOT NULL,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    state_sha256 bytea REFERENCES kept_content,
    begins_at timestamptz,
    ends_at timestamptz NOT NULL,
    last_ingest_no bigint NOT NULL,
    PRIMARY KEY (decision_id, place)
);
CREATE INDEX receipt_stretch_of_device ON receipt_stretch (device_id, ends_at);

-- ---------------------------------------------------------------- what is still needed

-- As before, and what receipts stand on, for as long as they are there.
CREATE OR REPLACE VIEW reading_need AS
    -- What detectors would take in again, were a reading to come late: nothing but the last of a device that is quiet. One
    -- without an anchor has been watched for less than the longest time that a reading may be late.
    SELECT d.device_id, 'detectors' AS need, NULL::bigint AS subject,
        coalesce(a.anchor_at, p.newest_claimed_at - interval '7 days', '-infinity') AS begins_at,
        'infinity'::timestamptz AS ends_at
    FROM device d LEFT JOIN device_presence p USING (device_id) LEFT JOIN (
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

-- Nobody may change or delete a receipt, nor what it cites.
GRANT SELECT, INSERT ON kept_content TO callout_ingest, callout_work;
GRANT SELECT, INSERT, UPDATE ON symptom_basis TO callout_ingest;
GRANT SELECT ON symptom_basis, detector_anchor, ingest_partition TO callout_work;
GRANT SELECT, INSERT ON decision_receipt, receipt_stretch TO callout_work;
GRANT SELECT ON decision_receipt, receipt_stretch TO callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['decision_receipt', 'receipt_stretch'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
