-- The desk: who owns which device, what was found, what was promised to whom.
-- Invariants are named constraints whose names are sentences; the code maps them by name to domain errors.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Three roles, none of which owns a table. A process takes its role when it connects.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['callout_ingest', 'callout_work', 'callout_serve'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
        EXECUTE format('GRANT %I TO %I', role_name, current_user);
        EXECUTE format('GRANT USAGE ON SCHEMA callout TO %I', role_name);
    END LOOP;
END
$$;

-- The tenant of the present transaction; no setting means no rows.
CREATE FUNCTION current_tenant() RETURNS int
    LANGUAGE sql STABLE
    RETURN nullif(current_setting('callout.tenant', true), '')::int;

-- ---------------------------------------------------------------- who and what

CREATE TABLE tenant (
    tenant_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenant_name_is_free UNIQUE,
    title text NOT NULL
);

CREATE TABLE owner (
    owner_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    name text NOT NULL,
    email text NOT NULL,
    language text NOT NULL DEFAULT 'en',
    time_zone text NOT NULL DEFAULT 'UTC',
    CONSTRAINT owner_is_known_by_one_email UNIQUE (tenant_id, email)
);

CREATE TABLE service_centre (
    centre_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    name text NOT NULL,
    title text NOT NULL,
    address text NOT NULL,
    phone text NOT NULL DEFAULT '',
    time_zone text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    -- {"mon": ["09:00", "18:00"], ...}: local opening hours; a day that is missing is closed.
    hours jsonb NOT NULL,
    CONSTRAINT service_centre_name_is_free UNIQUE (tenant_id, name)
);

CREATE TABLE device (
    device_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    name text NOT NULL,
    partition smallint NOT NULL CONSTRAINT partition_is_one_of_64 CHECK (partition BETWEEN 0 AND 63),
    product text NOT NULL,
    serial text NOT NULL,
    model text NOT NULL DEFAULT '',
    firmware text NOT NULL DEFAULT '',
    owner_id bigint NOT NULL REFERENCES owner,
    place_name text NOT NULL DEFAULT '',
    latitude double precision,
    longitude double precision,
    time_zone text NOT NULL DEFAULT 'UTC',
    warranty_until date,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    CONSTRAINT device_name_is_free UNIQUE (tenant_id, name),
    CONSTRAINT serial_is_enrolled_once UNIQUE (tenant_id, product, serial)
);
CREATE INDEX device_by_owner ON device (owner_id);

CREATE TABLE device_credential (
    credential_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id int NOT NULL REFERENCES device,
    -- PBKDF2-SHA512 in the broker's own form; the password itself is shown once and never stored.
    password_hash text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    in_broker_at timestamptz
);
CREATE UNIQUE INDEX device_has_one_valid_credential ON device_credential (device_id) WHERE revoked_at IS NULL;

CREATE TABLE device_presence (
    device_id int PRIMARY KEY REFERENCES device,
    is_online boolean NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE staff (
    staff_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL CONSTRAINT staff_role_is_known CHECK (role IN ('planner', 'case_owner')),
    language text NOT NULL DEFAULT 'en',
    CONSTRAINT staff_is_known_by_one_email UNIQUE (tenant_id, email)
);

-- Links and sessions: 256 random bits, stored hashed, one purpose, expiring.
CREATE TABLE access_token (
    token_hash bytea PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    purpose text NOT NULL CONSTRAINT token_purpose_is_known CHECK (purpose IN ('owner_request', 'planner_login', 'planner_session')),
    request_id bigint,
    staff_id int REFERENCES staff,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT token_opens_one_thing CHECK ((request_id IS NULL) <> (staff_id IS NULL))
);

-- ---------------------------------------------------------------- the machine's door

-- The last ingest number given in each partition; taken in the batch's own transaction.
CREATE TABLE ingest_partition (
    partition smallint PRIMARY KEY,
    last_ingest_no bigint NOT NULL DEFAULT 0
);
INSERT INTO ingest_partition (partition) SELECT generate_series(0, 63);

CREATE TABLE rejection (
    rejection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    tenant_id int REFERENCES tenant,
    device_id int REFERENCES device,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    -- Where in the payload: '' for the whole message, 'samples[3].soc_pct' for one value.
    place text NOT NULL DEFAULT '',
    payload bytea NOT NULL
);
CREATE INDEX rejection_newest_first ON rejection (tenant_id, received_at DESC);

-- What the detectors remember, per partition and product: written in the transaction of a batch, naming the last
-- ingest number it has seen. After a crash the rest is rebuilt from the readings.
CREATE TABLE detector_checkpoint (
    partition smallint NOT NULL,
    product text NOT NULL,
    last_ingest_no bigint NOT NULL,
    state bytea NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (partition, product)
);

-- What the detectors remembered of a device before its first reading at or after an instant: from here a reading that
-- comes late is taken in at its own place in time. The newest ones are kept, as far back as the lateness horizon needs.
CREATE TABLE detector_anchor (
    device_id int NOT NULL,
    product text NOT NULL,
    anchor_at timestamptz NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (device_id, product, anchor_at)
);

-- Hours whose roll-up is older than their readings.
CREATE TABLE rollup_due (
    product text NOT NULL,
    device_id int NOT NULL,
    hour_at timestamptz NOT NULL,
    PRIMARY KEY (product, device_id, hour_at)
);

-- ---------------------------------------------------------------- what was found

CREATE TABLE symptom (
    symptom_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    monitor text NOT NULL,
    component text NOT NULL,
    element int NOT NULL DEFAULT 0,
    state text NOT NULL CONSTRAINT symptom_state_is_known CHECK (state IN ('pending', 'confirmed', 'healed', 'withdrawn')),
    -- Onset; the event time at which the monitor first spoke, and what it said; then the later changes, in event time.
    since_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    noticed_value double precision,
    confirmed_at timestamptz,
    healed_at timestamptz,
    value double precision,
    threshold double precision,
    text_value text,
    decided_by_ingest_no bigint NOT NULL,
    decided_received_at timestamptz NOT NULL,
    CONSTRAINT symptom_is_told_once UNIQUE (device_id, monitor, element, since_at)
);
CREATE INDEX symptom_open ON symptom (device_id) WHERE state IN ('pending', 'confirmed');

CREATE TABLE fault (
    fault_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    component text NOT NULL,
    code text NOT NULL,
    since_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE UNIQUE INDEX one_open_fault_per_device_component_code ON fault (device_id, component, code) WHERE closed_at IS NULL;

CREATE TABLE diagnosis (
    diagnosis_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    component text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    verdict text NOT NULL CONSTRAINT verdict_is_known CHECK (verdict IN ('sure', 'unsure', 'safety')),
    -- Ranked: [{"fault", "title", "probability", "evidence_for": [...], "evidence_against": [...]}, ...]
    hypotheses jsonb NOT NULL,
    symptom_ids bigint[] NOT NULL,
    since_at timestamptz NOT NULL,
    decided_received_at timestamptz NOT NULL
);
CREATE INDEX diagnosis_newest_first ON diagnosis (device_id, component, made_at DESC);

-- ---------------------------------------------------------------- what is done about it

CREATE TABLE service_request (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    owner_id bigint NOT NULL REFERENCES owner,
    component text NOT NULL,
    fault_id bigint REFERENCES fault,
    diagnosis_id bigint NOT NULL REFERENCES diagnosis,
    state text NOT NULL CONSTRAINT request_state_is_known
        CHECK (state IN ('open', 'held', 'waiting', 'offered', 'confirmed', 'cancelled')),
    is_safety boolean NOT NULL,
    severity text NOT NULL,
    decided_received_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE UNIQUE INDEX one_open_request_per_device_component ON service_request (device_id, component) WHERE closed_at IS NULL;
CREATE INDEX service_request_queue ON service_request (tenant_id, is_safety DESC, opened_at) WHERE closed_at IS NULL;
CREATE INDEX service_request_newest_first ON service_request (tenant_id, opened_at DESC);
ALTER TABLE access_token ADD FOREIGN KEY (request_id) REFERENCES service_request;

-- Events are appended and never changed; service_request.state is their projection in the same transaction.
CREATE TABLE request_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    happened_at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    event text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX request_event_in_order ON request_event (request_id, event_id);

-- A case needs the judgement of a named human: it has a queue, an owner and a clock.
CREATE TABLE human_case (
    case_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    queue text NOT NULL CONSTRAINT queue_is_known CHECK (queue IN ('safety', 'judgement')),
    reason text NOT NULL,
    staff_id int NOT NULL REFERENCES staff,
    opened_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    warned_at timestamptz,
    closed_at timestamptz
);
CREATE UNIQUE INDEX one_open_case_per_request_and_queue ON human_case (request_id, queue) WHERE closed_at IS NULL;
CREATE INDEX human_case_by_clock ON human_case (tenant_id, due_at) WHERE closed_at IS NULL;

CREATE TABLE part (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    part_no text NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (tenant_id, part_no)
);

CREATE TABLE stock_level (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    centre_id int NOT NULL REFERENCES service_centre,
    part_no text NOT NULL,
    on_hand int NOT NULL CONSTRAINT stock_is_never_negative CHECK (on_hand >= 0),
    allocated int NOT NULL DEFAULT 0,
    PRIMARY KEY (centre_id, part_no),
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    CONSTRAINT no_part_is_promised_twice CHECK (allocated BETWEEN 0 AND on_hand)
);

CREATE TABLE reservation (
    reservation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    centre_id int NOT NULL,
    part_no text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    reserved_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz,
    FOREIGN KEY (centre_id, part_no) REFERENCES stock_level
);
CREATE UNIQUE INDEX part_is_reserved_once_per_request ON reservation (request_id, part_no) WHERE released_at IS NULL;

-- stock_level.allocated is the sum of the living reservations, kept by the database itself.
CREATE FUNCTION keep_allocated() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE stock_level SET allocated = allocated + NEW.quantity
        WHERE centre_id = NEW.centre_id AND part_no = NEW.part_no;
    ELSIF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL THEN
        UPDATE stock_level SET allocated = allocated - OLD.quantity
        WHERE centre_id = OLD.centre_id AND part_no = OLD.part_no;
    ELSIF OLD.released_at IS DISTINCT FROM NEW.released_at OR OLD.quantity <> NEW.quantity THEN
        RAISE EXCEPTION 'a reservation is released once and never changed otherwise';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reservation_keeps_allocated
    AFTER INSERT OR UPDATE ON reservation
    FOR EACH ROW EXECUTE FUNCTION keep_allocated();

CREATE TABLE bay (
    bay_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    centre_id int NOT NULL REFERENCES service_centre,
    name text NOT NULL,
    skills text[] NOT NULL DEFAULT '{}',
    CONSTRAINT bay_name_is_free UNIQUE (centre_id, name)
);

CREATE TABLE offer (
    offer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    made_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    -- Set when it is answered, replaced, expired or withdrawn: its holds end with it.
    closed_at timestamptz,
    outcome text CONSTRAINT offer_outcome_is_known CHECK (outcome IN ('accepted', 'replaced', 'expired', 'withdrawn')),
    CONSTRAINT closed_offer_has_an_outcome CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX one_open_offer_per_request ON offer (request_id) WHERE closed_at IS NULL;
CREATE INDEX offer_by_clock ON offer (tenant_id, expires_at) WHERE closed_at IS NULL;

-- A bay's time, held for an offered date or booked for a confirmed one.
CREATE TABLE bay_booking (
    booking_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    bay_id int NOT NULL REFERENCES bay,
    request_id bigint NOT NULL REFERENCES service_request,
    offer_id bigint NOT NULL REFERENCES offer,
    during tstzrange NOT NULL CONSTRAINT booking_has_a_beginning_and_an_end
        CHECK (NOT lower_inf(during) AND NOT upper_inf(during) AND NOT isempty(during)),
    rank smallint NOT NULL,
    reason jsonb NOT NULL DEFAULT '{}',
    kind text NOT NULL CONSTRAINT booking_kind_is_known CHECK (kind IN ('held', 'booked')),
    released_at timestamptz,
    CONSTRAINT bay_serves_one_vehicle_at_a_time
        EXCLUDE USING gist (bay_id WITH =, during WITH &&) WHERE (released_at IS NULL)
);
CREATE INDEX bay_booking_by_offer ON bay_booking (offer_id);

CREATE TABLE appointment (
    appointment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    booking_id bigint NOT NULL CONSTRAINT booking_carries_one_appointment UNIQUE REFERENCES bay_booking,
    state text NOT NULL CONSTRAINT appointment_state_is_known
        CHECK (state IN ('confirmed', 'cancelled', 'completed', 'failed')),
    during tstzrange NOT NULL,
    -- The calendar event's SEQUENCE: grows with every change that the owner's calendar must learn.
    revision int NOT NULL DEFAULT 0,
    confirmed_at timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz
);
CREATE UNIQUE INDEX one_living_appointment_per_request ON appointment (request_id) WHERE state = 'confirmed';

-- The outbox: a notice is written in the transaction of the step that caused it and sent afterwards.
CREATE TABLE notice (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    kind text NOT NULL,
    recipient text NOT NULL,
    language text NOT NULL,
    -- One notice of a kind per cause: a step that runs twice writes it once.
    cause text NOT NULL,
    detail jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    attempts int NOT NULL DEFAULT 0,
    last_error text,
    CONSTRAINT notice_is_written_once UNIQUE (request_id, kind, cause)
);
CREATE INDEX notice_unsent ON notice (tenant_id, written_at) WHERE sent_at IS NULL;

-- ---------------------------------------------------------------- rights

GRANT SELECT ON tenant TO callout_ingest, callout_work, callout_serve;

GRANT SELECT (device_id, tenant_id, partition, name, product, retired_at) ON device TO callout_ingest;
GRANT SELECT, UPDATE ON ingest_partition TO callout_ingest;
GRANT INSERT ON rejection TO callout_ingest;
GRANT SELECT, INSERT, UPDATE ON detector_checkpoint, device_presence, symptom TO callout_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON detector_anchor TO callout_ingest;
GRANT SELECT, INSERT, UPDATE ON rollup_due TO callout_ingest;

GRANT SELECT, UPDATE, DELETE ON rollup_due TO callout_work;
GRANT SELECT ON device, owner, staff, service_centre, part, bay, device_presence TO callout_work;
GRANT SELECT, INSERT, UPDATE ON symptom, fault, diagnosis, service_request, human_case, stock_level, reservation,
    offer, bay_booking, appointment, notice, access_token TO callout_work;
GRANT SELECT, INSERT ON request_event TO callout_work;

GRANT SELECT, INSERT, UPDATE ON owner, device, device_credential, access_token, human_case, stock_level, reservation,
    offer, bay_booking, appointment, notice, service_request, fault TO callout_serve;
GRANT SELECT ON staff, service_centre, part, bay, symptom, diagnosis, device_presence, rejection TO callout_serve;
GRANT SELECT, INSERT ON request_event TO callout_serve;

-- Where people's data is, a row is seen in its own tenant's transactions only.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['owner', 'service_centre', 'device', 'staff', 'access_token', 'symptom', 'fault',
        'diagnosis', 'service_request', 'request_event', 'human_case', 'part', 'stock_level', 'reservation', 'bay',
        'offer', 'bay_booking', 'appointment', 'notice', 'rejection'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
-- The door knows devices by name and writes for every tenant; column rights above keep people's data from it.
CREATE POLICY door_knows_all_devices ON device FOR SELECT TO callout_ingest USING (true);
CREATE POLICY door_writes_for_all ON symptom TO callout_ingest USING (true) WITH CHECK (true);
CREATE POLICY door_keeps_what_it_refused ON rejection FOR INSERT TO callout_ingest WITH CHECK (true);

ALTER TABLE device_credential ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_devices_only ON device_credential TO callout_serve
    USING (EXISTS (SELECT FROM device d WHERE d.device_id = device_credential.device_id))
    WITH CHECK (EXISTS (SELECT FROM device d WHERE d.device_id = device_credential.device_id));
ALTER TABLE device_presence ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_devices_only ON device_presence FOR SELECT TO callout_work, callout_serve
    USING (EXISTS (SELECT FROM device d WHERE d.device_id = device_presence.device_id));
CREATE POLICY door_writes_for_all ON device_presence TO callout_ingest USING (true) WITH CHECK (true);

-- ---------------------------------------------------------------- signals between processes

CREATE FUNCTION tell_device_credential() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('device_credential', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER device_credential_changed
    AFTER INSERT OR UPDATE OF revoked_at ON device_credential
    FOR EACH STATEMENT EXECUTE FUNCTION tell_device_credential();

-- Partitions are made as readings need them: a day each, and a month each for recordings older than 400 days, so that a
-- device that claims any day of the past makes a few hundred of them at most. Ingest may call this and nothing else that
-- changes the schema.
CREATE FUNCTION ensure_day(parent regclass, day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    parent_name text;
    child text;
    month date := date_trunc('month', day)::date;
    begins date := day;
    ends date := day + 1;
BEGIN
    SELECT relname INTO STRICT parent_name FROM pg_class
    WHERE oid = parent AND relnamespace = 'callout'::regnamespace AND relkind = 'p' AND relname LIKE '%\_reading';
    child := format('%s_%s', parent_name, to_char(day, 'YYYYMMDD'));
    IF to_regclass(format('callout.%I', child)) IS NOT NULL
        OR to_regclass(format('callout.%I', format('%s_%s', parent_name, to_char(day, 'YYYYMM')))) IS NOT NULL THEN
        RETURN;
    END IF;
    -- A month that has some of its days already gets the others one by one.
    IF month < current_date - 430 AND NOT EXISTS (
        SELECT FROM pg_class WHERE relnamespace = 'callout'::regnamespace
            AND relname LIKE format('%s\_%s__', parent_name, to_char(day, 'YYYYMM'))) THEN
        child := format('%s_%s', parent_name, to_char(day, 'YYYYMM'));
        begins := month;
        ends := (month + interval '1 month')::date;
    END IF;
    IF to_regclass(format('callout.%I', child)) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('callout.ensure_day'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS callout.%I PARTITION OF callout.%I FOR VALUES FROM (%L) TO (%L)',
            child, parent_name, begins::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
    END IF;
END
$$;
REVOKE ALL ON FUNCTION ensure_day(regclass, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_day(regclass, date) TO callout_ingest;

-- ---------------------------------------------------------------- jobs (procrastinate's tables have their own schema)

GRANT USAGE ON SCHEMA jobs TO callout_ingest, callout_work, callout_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO callout_work;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA jobs TO callout_ingest, callout_serve;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA jobs TO callout_ingest, callout_work, callout_serve;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jobs TO callout_ingest, callout_work, callout_serve;
