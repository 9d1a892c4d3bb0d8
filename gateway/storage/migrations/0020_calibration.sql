-- Statistical monitors: how abnormal devices looked at the end of each reporting cycle, what that is held against, and who
-- passed. What a decision stands on is published once and never changed, so that it can be computed again.

-- How a monitor's score is distributed over a product's devices while they are well.
CREATE TABLE calibration (
    calibration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product text NOT NULL,
    monitor text NOT NULL,
    version int NOT NULL,
    made_at timestamptz NOT NULL,
    -- Ends of the first and of the last of the cycles whose scores it was made of, and how many of each there were.
    first_cycle_at timestamptz NOT NULL,
    last_cycle_at timestamptz NOT NULL,
    cycles int NOT NULL,
    scores int NOT NULL,
    body double precision[] NOT NULL CONSTRAINT body_is_a_hundred_quantiles CHECK (cardinality(body) = 100),
    tail_start double precision NOT NULL,
    tail_share double precision NOT NULL CONSTRAINT tail_is_a_part CHECK (tail_share > 0 AND tail_share < 1),
    tail_shape double precision NOT NULL,
    tail_scale double precision NOT NULL CONSTRAINT tail_has_a_scale CHECK (tail_scale > 0),
    CONSTRAINT calibration_version_is_given_once UNIQUE (product, monitor, version)
);

-- One cycle of one monitor: what was asked of whom. Without a calibration nothing was asked and nobody passed.
CREATE TABLE reporting_cycle (
    cycle_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product text NOT NULL,
    monitor text NOT NULL,
    ends_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    calibration_id bigint REFERENCES calibration,
    rate double precision NOT NULL,
    -- The largest p-value that passes, and the score that it stands for.
    p_value double precision,
    score double precision,
    family int NOT NULL,
    passed int NOT NULL,
    confirmed int NOT NULL,
    CONSTRAINT cycle_is_decided_once UNIQUE (product, monitor, ends_at),
    CONSTRAINT nobody_passes_without_a_calibration CHECK (calibration_id IS NOT NULL OR passed + confirmed = 0),
    CONSTRAINT confirmed_have_passed CHECK (confirmed <= passed AND passed <= family)
);

-- The last score that a device's monitor said in a cycle. Kept for some cycles, until nulls need it no more.
CREATE TABLE device_score (
    product text NOT NULL,
    monitor text NOT NULL,
    ends_at timestamptz NOT NULL,
    device_id int NOT NULL REFERENCES device,
    element int NOT NULL,
    tenant_id int NOT NULL REFERENCES tenant,
    score double precision NOT NULL,
    PRIMARY KEY (product, monitor, ends_at, device_id, element)
);
CREATE INDEX device_score_of_device ON device_score (device_id, ends_at);

-- Who passed a cycle; with the cycle before it, who is confirmed, until it is well again.
CREATE TABLE cycle_finding (
    cycle_id bigint NOT NULL REFERENCES reporting_cycle,
    device_id int NOT NULL REFERENCES device,
    element int NOT NULL,
    monitor text NOT NULL,
    tenant_id int NOT NULL REFERENCES tenant,
    score double precision NOT NULL,
    p_value double precision NOT NULL,
    cycle_before_id bigint REFERENCES reporting_cycle,
    ended_at timestamptz,
    PRIMARY KEY (cycle_id, device_id, element),
    CONSTRAINT only_what_was_confirmed_ends CHECK (ended_at IS NULL OR cycle_before_id IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_finding_per_device_monitor_element ON cycle_finding (device_id, monitor, element)
    WHERE cycle_before_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX open_findings_of_tenant ON cycle_finding (tenant_id) WHERE cycle_before_id IS NOT NULL AND ended_at IS NULL;

-- The cycle that confirmed a symptom; null where its monitor decides by itself.
ALTER TABLE symptom ADD COLUMN cycle_id bigint REFERENCES reporting_cycle;

GRANT SELECT ON calibration, reporting_cycle TO callout_ingest, callout_work, callout_serve;
GRANT INSERT ON calibration, reporting_cycle TO callout_work;
GRANT SELECT, INSERT, UPDATE, DELETE ON device_score TO callout_ingest;
GRANT SELECT, DELETE ON device_score TO callout_work;
GRANT SELECT, INSERT, UPDATE ON cycle_finding TO callout_work;
GRANT SELECT ON device_score, cycle_finding TO callout_serve;

-- A null is pooled over all tenants' devices: the process that makes it sees scores, and no person.
ALTER TABLE device_score ENABLE ROW LEVEL SECURITY;
ALTER TABLE cycle_finding ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON device_score FOR SELECT TO callout_serve USING (tenant_id = current_tenant());
CREATE POLICY own_tenant_only ON cycle_finding FOR SELECT TO callout_serve USING (tenant_id = current_tenant());
CREATE POLICY door_writes_for_all ON device_score TO callout_ingest USING (true) WITH CHECK (true);
CREATE POLICY work_pools_all ON device_score TO callout_work USING (true) WITH CHECK (true);
CREATE POLICY work_decides_for_all ON cycle_finding TO callout_work USING (true) WITH CHECK (true);
