-- Numbers at the door: which messages of a boot have come, which are missing and were asked for again, commands to
-- devices, clocks that are wrong, and troubles of the door that a person should know.

-- One row for each numbering of a device: a boot, or an epoch of it when its numbers began anew under the same boot.
CREATE TABLE device_sequence (
    device_id int NOT NULL REFERENCES device,
    boot bigint NOT NULL,
    epoch smallint NOT NULL,
    -- The numbering that the device's newest messages belong to.
    is_current boolean NOT NULL,
    -- Where the numbering is held to begin; what is missing between here and the highest number is a gap.
    begins bigint NOT NULL,
    -- Numbers below are no longer kept apart: there were too many gaps.
    floor_seq bigint NOT NULL DEFAULT 0,
    received int8multirange NOT NULL,
    newest_claimed_at timestamptz,
    heard_at timestamptz NOT NULL,
    -- Evidence that two devices use one identity, and of numbers that fall back: see devices/numbering.py.
    returns smallint NOT NULL DEFAULT 0,
    returned_at timestamptz,
    clashes smallint NOT NULL DEFAULT 0,
    -- (seq, claimed time in microseconds) of messages whose numbers fell back, flattened.
    fallen bigint[] NOT NULL DEFAULT '{}',
    -- (seq, claimed, received in microseconds, mark of the content) of the newest live messages, flattened.
    recent bigint[] NOT NULL DEFAULT '{}',
    -- Gaps that were there at suspect_at and may still close by themselves; gaps that have their rows already.
    suspected int8multirange NOT NULL DEFAULT '{}',
    suspect_at timestamptz,
    noticed int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (device_id, boot, epoch)
) WITH (fillfactor = 60);
CREATE INDEX device_sequence_to_look_at ON device_sequence (suspect_at) WHERE suspect_at IS NOT NULL;

CREATE TABLE sequence_gap (
    gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id int NOT NULL REFERENCES device,
    boot bigint NOT NULL,
    epoch smallint NOT NULL,
    missing int8range NOT NULL CONSTRAINT gap_misses_something CHECK (NOT isempty(missing)),
    noticed_at timestamptz NOT NULL,
    asked_at timestamptz,
    next_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    -- What the device says that it no longer has.
    lost int8multirange NOT NULL DEFAULT '{}',
    filled_at timestamptz,
    given_up_at timestamptz,
    CONSTRAINT gap_is_noticed_once EXCLUDE USING gist (device_id WITH =, boot WITH =, epoch WITH =, missing WITH &&),
    CONSTRAINT gap_ends_in_one_way CHECK (filled_at IS NULL OR given_up_at IS NULL)
);
CREATE INDEX gap_open ON sequence_gap (next_at) WHERE filled_at IS NULL AND given_up_at IS NULL;
CREATE INDEX gap_open_of_device ON sequence_gap (device_id) WHERE filled_at IS NULL AND given_up_at IS NULL;
CREATE INDEX gap_by_device ON sequence_gap (device_id, noticed_at DESC, gap_id DESC);

-- The outbox to devices: written with the decision, sent by ingest between batches, answered by the device.
CREATE TABLE device_command (
    command_id uuid PRIMARY KEY,
    device_id int NOT NULL REFERENCES device,
    command text NOT NULL CONSTRAINT command_is_known CHECK (command IN ('resend')),
    boot bigint NOT NULL,
    epoch smallint NOT NULL,
    seqs int8multirange NOT NULL,
    written_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    -- Why the broker did not take it, when it did not.
    send_error text,
    answered_at timestamptz,
    outcome text CONSTRAINT command_outcome_is_known CHECK (outcome IN ('done', 'partly', 'refused')),
    detail text NOT NULL DEFAULT '',
    CONSTRAINT answered_command_has_an_outcome CHECK ((answered_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX command_unsent ON device_command (written_at) WHERE sent_at IS NULL;
CREATE INDEX command_of_device ON device_command (device_id, written_at DESC);

-- How far a device's clock is from ours: positive when it is ahead. Nothing is corrected by it.
CREATE TABLE device_clock (
    device_id int PRIMARY KEY REFERENCES device,
    skew_s double precision NOT NULL,
    is_off boolean NOT NULL,
    measured_at timestamptz NOT NULL
);

CREATE TABLE door_trouble (
    trouble_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    kind text NOT NULL CONSTRAINT trouble_is_known
        CHECK (kind IN ('two_devices', 'seq_restarted', 'clock_off', 'gap_lost')),
    since_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count bigint NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    closed_at timestamptz
);
CREATE UNIQUE INDEX one_open_trouble_per_device_and_kind ON door_trouble (device_id, kind) WHERE closed_at IS NULL;
CREATE INDEX trouble_open_of_tenant ON door_trouble (tenant_id, last_at DESC, trouble_id DESC) WHERE closed_at IS NULL;
CREATE INDEX trouble_by_device ON door_trouble (device_id, last_at DESC);

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT, UPDATE, DELETE ON device_sequence, sequence_gap, device_command TO callout_ingest;
GRANT SELECT, INSERT, UPDATE ON device_clock, door_trouble TO callout_ingest;
GRANT SELECT ON sequence_gap, device_command, device_clock, door_trouble TO callout_work, callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['device_sequence', 'sequence_gap', 'device_command', 'device_clock', 'door_trouble']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY door_writes_for_all ON %I TO callout_ingest USING (true) WITH CHECK (true)', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['sequence_gap', 'device_command', 'device_clock'] LOOP
        EXECUTE format(
            'CREATE POLICY own_devices_only ON %I FOR SELECT TO callout_work, callout_serve
             USING (EXISTS (SELECT FROM device d WHERE d.device_id = %I.device_id))', table_name, table_name);
    END LOOP;
END
$$;
CREATE POLICY own_tenant_only ON door_trouble FOR SELECT TO callout_work, callout_serve
    USING (tenant_id = current_tenant());
