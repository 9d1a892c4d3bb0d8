-- Kept dates: calendars of centres, absences of people and bays, and an earlier date for whoever asked for one.

-- Whose public holidays a centre keeps: ISO 3166-1 alpha 2, and its part (ISO 3166-2 without the country); none without.
ALTER TABLE service_centre
    ADD COLUMN country text NOT NULL DEFAULT '',
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD CONSTRAINT country_is_two_letters CHECK (country ~ '^([A-Z]{2})?$'),
    ADD CONSTRAINT region_is_of_a_country CHECK (region = '' OR country <> '');

-- A day on which a centre is closed, or open at other hours than on its weekday; it goes before a public holiday.
CREATE TABLE centre_day (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    centre_id int NOT NULL REFERENCES service_centre,
    day date NOT NULL,
    opens time,
    closes time,
    reason text NOT NULL DEFAULT '',
    staff_id int REFERENCES staff,
    entered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (centre_id, day),
    CONSTRAINT closed_day_has_no_hours CHECK ((opens IS NULL) = (closes IS NULL)),
    CONSTRAINT day_opens_before_it_closes CHECK (opens < closes)
);

-- When a technician is not at work, or a bay is out of order, whatever the hours say. One that is over early is ended.
CREATE TABLE absence (
    absence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    technician_id int REFERENCES technician,
    bay_id int REFERENCES bay,
    during tstzrange NOT NULL,
    kind text NOT NULL CONSTRAINT absence_kind_is_known CHECK (kind IN ('sick', 'leave', 'training', 'broken', 'other')),
    note text NOT NULL DEFAULT '',
    staff_id int REFERENCES staff,
    entered_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    CONSTRAINT absence_is_of_a_technician_or_of_a_bay CHECK (num_nonnulls(technician_id, bay_id) = 1),
    CONSTRAINT absence_has_a_beginning_and_an_end
        CHECK (NOT lower_inf(during) AND NOT upper_inf(during) AND NOT isempty(during)),
    CONSTRAINT technician_is_absent_once
        EXCLUDE USING gist (technician_id WITH =, during WITH &&) WHERE (withdrawn_at IS NULL),
    CONSTRAINT bay_is_out_of_order_once
        EXCLUDE USING gist (bay_id WITH =, during WITH &&) WHERE (withdrawn_at IS NULL)
);

-- Who is absent is promised to nobody. The two sides wait for each other, so that neither overlooks the other: whoever
-- promises holds a shared lock of the person or bay, whoever enters an absence holds it alone.
CREATE FUNCTION keep_off_absences() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(5, coalesce(NEW.technician_id, -NEW.bay_id));
    IF EXISTS (SELECT FROM absence a WHERE a.withdrawn_at IS NULL AND a.during && NEW.during
            AND (a.technician_id = NEW.technician_id OR a.bay_id = NEW.bay_id)) THEN
        RAISE EXCEPTION 'the technician or the bay is absent during %', NEW.during
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'nobody_is_promised_while_absent', TABLE = 'booking';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER nobody_is_promised_while_absent
    BEFORE INSERT OR UPDATE OF during, technician_id, bay_id, released_at ON booking
    FOR EACH ROW WHEN (NEW.released_at IS NULL) EXECUTE FUNCTION keep_off_absences();

CREATE FUNCTION wait_for_promises() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(5, coalesce(NEW.technician_id, -NEW.bay_id));
    RETURN NEW;
END
$$;
CREATE TRIGGER absence_waits_for_promises
    BEFORE INSERT ON absence FOR EACH ROW EXECUTE FUNCTION wait_for_promises();

-- An owner who would come earlier if a time becomes free.
CREATE TABLE earlier_wish (
    request_id bigint PRIMARY KEY REFERENCES service_request,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    asked_at timestamptz NOT NULL,
    -- What became free before this instant was looked at for him.
    looked_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX earlier_wish_in_order ON earlier_wish (tenant_id, asked_at) WHERE ended_at IS NULL;

-- The calendar entry's SEQUENCE never falls, and a date that was called off or missed says since when.
ALTER TABLE appointment ADD COLUMN ended_why text NOT NULL DEFAULT '';
ALTER TABLE appointment DROP CONSTRAINT appointment_state_is_known;
ALTER TABLE appointment ADD CONSTRAINT appointment_state_is_known
    CHECK (state IN ('initialized', 'confirmed', 'cancelled', 'completed', 'failed'));
CREATE INDEX booking_by_release ON booking (tenant_id, released_at) WHERE released_at IS NOT NULL;

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT, UPDATE, DELETE ON centre_day TO callout_work, callout_serve;
GRANT SELECT, INSERT, UPDATE ON absence, earlier_wish TO callout_work, callout_serve;
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['centre_day', 'absence', 'earlier_wish'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
