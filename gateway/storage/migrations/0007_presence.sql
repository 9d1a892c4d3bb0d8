-- What is heard of each device, by the server's own clock; silence as a symptom; and the silence of a region as one
-- incident of a named human.

-- ---------------------------------------------------------------- what is heard

ALTER TABLE device_presence
    -- A device that never said that it is online or not is heard all the same.
    ALTER COLUMN is_online DROP NOT NULL,
    ALTER COLUMN changed_at DROP NOT NULL,
    -- When its newest word about that was received; changed_at is when the word became another one.
    ADD COLUMN told_at timestamptz,
    -- When the newest message of any kind was received, and the newest time that the device has claimed.
    ADD COLUMN heard_at timestamptz,
    ADD COLUMN newest_claimed_at timestamptz,
    -- The silence that is confirmed now, by when the device was last heard; and the tick at which it was heard again.
    ADD COLUMN silent_since_at timestamptz,
    ADD COLUMN returned_at timestamptz,
    ADD CONSTRAINT only_a_silent_device_returns CHECK (returned_at IS NULL OR silent_since_at IS NOT NULL);
-- heard_at changes with every batch: room on each page lets a row be renewed in place, and no index names it.
ALTER TABLE device_presence SET (fillfactor = 60);
CREATE INDEX device_presence_silent ON device_presence (device_id) WHERE silent_since_at IS NOT NULL;

UPDATE device_presence SET told_at = changed_at;
INSERT INTO device_presence (device_id, heard_at, newest_claimed_at)
SELECT device_id, max(received_at), max(claimed_at) FROM (
    SELECT device_id, received_at, claimed_at FROM electric_vehicle_reading
    UNION ALL SELECT device_id, received_at, claimed_at FROM smart_meter_reading) AS reading
GROUP BY device_id
ON CONFLICT (device_id) DO UPDATE SET heard_at = EXCLUDED.heard_at, newest_claimed_at = EXCLUDED.newest_claimed_at;

-- Ticks of the server's clock: until then ingest had listened to these partitions, and taken in all that came. They are
-- inputs like messages: what was called silent can be called silent again from them.
CREATE TABLE server_tick (
    first_partition smallint NOT NULL,
    last_partition smallint NOT NULL,
    tick_at timestamptz NOT NULL,
    PRIMARY KEY (first_partition, last_partition, tick_at)
);

-- Devices that fell silent, or were well again, and of which nobody has thought yet: a region may be falling silent.
CREATE TABLE silence_change (
    device_id int PRIMARY KEY REFERENCES device,
    tenant_id int NOT NULL REFERENCES tenant,
    since_at timestamptz NOT NULL,
    is_silent boolean NOT NULL,
    noticed_at timestamptz NOT NULL
);
CREATE INDEX silence_change_in_order ON silence_change (tenant_id, noticed_at);

-- ---------------------------------------------------------------- where it is heard no more

-- A region is a cell of a quarter of a degree each way, about 28 by 20 kilometres; devices without a place share -1.
ALTER TABLE device ADD COLUMN region int NOT NULL GENERATED ALWAYS AS (
    CASE WHEN latitude IS NULL OR longitude IS NULL THEN -1
        ELSE floor((latitude + 90) * 4)::int * 1441 + floor((longitude + 180) * 4)::int END) STORED;
CREATE INDEX device_by_region ON device (tenant_id, region, product) WHERE retired_at IS NULL;

-- One cause that shows on many devices, and is one problem of one named human with a clock.
CREATE TABLE incident (
    incident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    kind text NOT NULL CONSTRAINT incident_kind_is_known CHECK (kind IN ('silence')),
    product text NOT NULL,
    region int NOT NULL,
    -- The region as people call it, and its middle where it has one.
    place text NOT NULL,
    latitude double precision,
    longitude double precision,
    since_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    staff_id int NOT NULL REFERENCES staff,
    due_at timestamptz NOT NULL,
    -- As counted at looked_at: how many devices, and how many of them are heard again.
    devices int NOT NULL DEFAULT 0,
    heard_again int NOT NULL DEFAULT 0,
    looked_at timestamptz NOT NULL,
    -- Most are heard again since; it closes when the others have had their time.
    recovering_at timestamptz,
    closed_at timestamptz,
    closed_by int REFERENCES staff,
    word text NOT NULL DEFAULT '',
    CONSTRAINT incident_closed_by_a_person_has_his_word CHECK (closed_by IS NULL OR word <> '')
);
CREATE UNIQUE INDEX one_open_incident_per_region ON incident (tenant_id, kind, product, region) WHERE closed_at IS NULL;
CREATE INDEX incident_newest_first ON incident (tenant_id, incident_id DESC);

CREATE TABLE incident_device (
    incident_id bigint NOT NULL REFERENCES incident,
    device_id int NOT NULL REFERENCES device,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    since_at timestamptz NOT NULL,
    joined_at timestamptz NOT NULL,
    -- Set when the incident had closed and this device was still silent: from then on it is diagnosed by itself.
    released_at timestamptz,
    PRIMARY KEY (incident_id, device_id)
);

-- A notice is about a request or about an incident.
ALTER TABLE notice
    ALTER COLUMN request_id DROP NOT NULL,
    ADD COLUMN incident_id bigint REFERENCES incident,
    ADD CONSTRAINT notice_is_about_one_thing CHECK ((request_id IS NULL) <> (incident_id IS NULL)),
    ADD CONSTRAINT notice_of_an_incident_is_written_once UNIQUE (incident_id, kind, cause);

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT, DELETE ON server_tick TO callout_ingest;
GRANT SELECT ON server_tick TO callout_work, callout_serve;
GRANT SELECT, INSERT, UPDATE ON silence_change TO callout_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON silence_change TO callout_work;
GRANT SELECT, INSERT, UPDATE ON incident, incident_device TO callout_work;
GRANT SELECT, UPDATE ON incident, incident_device TO callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['silence_change', 'incident', 'incident_device'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
CREATE POLICY door_writes_for_all ON silence_change TO callout_ingest USING (true) WITH CHECK (true);
