-- What symptoms are to people (ISA-18.2): seen or not, put aside for a while, said in a mode in which they say nothing,
-- or out of service. The latch's own state stays in symptom; this is written by the desk alone, never by the door.

CREATE TABLE attention (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    monitor text NOT NULL,
    element int NOT NULL DEFAULT 0,
    component text NOT NULL,
    state text NOT NULL CONSTRAINT attention_state_is_known CHECK (state IN
        ('normal', 'unacknowledged', 'acknowledged', 'returned', 'shelved', 'suppressed', 'out_of_service')),
    since_at timestamptz NOT NULL,
    -- Onset of the symptom that was there last.
    onset_at timestamptz,
    is_safety boolean NOT NULL,
    -- Who made it quiet and why, or in which mode of the device it came; and when it is looked at again.
    staff_id int REFERENCES staff,
    reason text,
    mode text,
    due_at timestamptz,
    -- Until when it is taken to be chattering, if it does not come again.
    unsteady_until_at timestamptz,
    PRIMARY KEY (device_id, monitor, element),
    CONSTRAINT shelf_has_name_reason_and_end CHECK (state <> 'shelved'
        OR (staff_id IS NOT NULL AND length(trim(coalesce(reason, ''))) > 0 AND due_at IS NOT NULL)),
    CONSTRAINT shelf_ends_within_a_week CHECK (state <> 'shelved' OR due_at <= since_at + interval '7 days'),
    CONSTRAINT out_of_service_has_name_and_reason CHECK (state <> 'out_of_service'
        OR (staff_id IS NOT NULL AND length(trim(coalesce(reason, ''))) > 0)),
    CONSTRAINT suppression_has_a_mode_and_an_end CHECK (
        (state = 'suppressed') = (mode IS NOT NULL) AND (state <> 'suppressed' OR due_at IS NOT NULL)),
    CONSTRAINT safety_is_never_quiet CHECK (
        NOT is_safety OR state NOT IN ('shelved', 'suppressed', 'out_of_service'))
);
CREATE INDEX attention_due ON attention (tenant_id, least(due_at, unsteady_until_at))
    WHERE due_at IS NOT NULL OR unsteady_until_at IS NOT NULL;

-- The audit line of each change: appended, never changed.
CREATE TABLE attention_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    monitor text NOT NULL,
    element int NOT NULL,
    happened_at timestamptz NOT NULL,
    act text NOT NULL CONSTRAINT act_of_attention_is_known CHECK (act IN ('come', 'go', 'acknowledge', 'shelve',
        'suppress', 'take_out', 'end_with_it', 'end_without_it')),
    before text NOT NULL,
    after text NOT NULL,
    staff_id int REFERENCES staff,
    reason text,
    mode text,
    due_at timestamptz
);
CREATE INDEX attention_change_newest_first ON attention_change (device_id, change_id DESC);

ALTER TABLE attention ENABLE ROW LEVEL SECURITY;
ALTER TABLE attention_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON attention TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY own_tenant_only ON attention_change TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON attention TO callout_work, callout_serve;
GRANT SELECT, INSERT ON attention_change TO callout_work, callout_serve;

-- Modes of a device are few rows among its symptoms.
CREATE INDEX symptom_of_mode ON symptom (device_id, since_at DESC) WHERE component = 'mode';

-- Signals that electric_vehicle declares since the last migration, drafted by `callout draft-migration`.
ALTER TABLE electric_vehicle_reading ADD COLUMN is_updating boolean;
CREATE OR REPLACE VIEW electric_vehicle_reading_seen WITH (security_barrier) AS
    SELECT r.* FROM electric_vehicle_reading r JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
CREATE OR REPLACE VIEW electric_vehicle_hour_seen WITH (security_barrier) AS
    SELECT h.* FROM electric_vehicle_hour h JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
