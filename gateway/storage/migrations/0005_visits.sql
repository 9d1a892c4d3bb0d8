-- What cannot be brought is visited: technicians with skills and working hours, and one table of promised time for the
-- bays of a service centre and for the people whom it sends.

CREATE TABLE technician (
    technician_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    -- Where he loads parts; his hours are those of its time zone.
    centre_id int NOT NULL REFERENCES service_centre,
    name text NOT NULL,
    skills text[] NOT NULL DEFAULT '{}',
    -- {"mon": ["08:00", "17:00"], ...}: a day that is missing is a day off.
    hours jsonb NOT NULL,
    -- Where his day begins.
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    retired_at timestamptz,
    CONSTRAINT technician_name_is_free UNIQUE (tenant_id, name)
);
CREATE INDEX technician_by_centre ON technician (centre_id) WHERE retired_at IS NULL;

ALTER TABLE bay_booking RENAME TO booking;
ALTER SEQUENCE bay_booking_booking_id_seq RENAME TO booking_booking_id_seq;
ALTER INDEX bay_booking_pkey RENAME TO booking_pkey;
ALTER INDEX bay_booking_by_offer RENAME TO booking_by_offer;
ALTER TABLE booking RENAME CONSTRAINT bay_booking_tenant_id_fkey TO booking_tenant_id_fkey;
ALTER TABLE booking RENAME CONSTRAINT bay_booking_bay_id_fkey TO booking_bay_id_fkey;
ALTER TABLE booking RENAME CONSTRAINT bay_booking_request_id_fkey TO booking_request_id_fkey;
ALTER TABLE booking RENAME CONSTRAINT bay_booking_offer_id_fkey TO booking_offer_id_fkey;

-- A bay's time is what it is. A technician's is the exact plan, from setting out until he is done; what the owner was
-- told is the window in which he arrives. The place is kept with it: a device may move, a promise does not.
ALTER TABLE booking
    ALTER COLUMN bay_id DROP NOT NULL,
    ADD COLUMN technician_id int REFERENCES technician,
    ADD COLUMN arrives_at timestamptz,
    ADD COLUMN arrival_window tstzrange,
    ADD COLUMN latitude double precision,
    ADD COLUMN longitude double precision,
    ADD CONSTRAINT booking_is_of_a_bay_or_of_a_technician CHECK (num_nonnulls(bay_id, technician_id) = 1),
    ADD CONSTRAINT visit_has_a_window_and_a_place CHECK (
        num_nonnulls(arrives_at, arrival_window, latitude, longitude) = CASE WHEN technician_id IS NULL THEN 0 ELSE 4 END),
    ADD CONSTRAINT technician_arrives_within_the_window CHECK (arrives_at <@ arrival_window AND arrives_at <@ during),
    ADD CONSTRAINT technician_is_in_one_place
        EXCLUDE USING gist (technician_id WITH =, during WITH &&) WHERE (released_at IS NULL);
CREATE INDEX booking_by_request ON booking (request_id);

-- A promised time as people are told of it: at which centre, who or which bay, and from when to when.
CREATE VIEW booking_seen WITH (security_invoker) AS
    SELECT k.booking_id, k.request_id, k.offer_id, k.kind, k.rank, k.released_at,
        coalesce(k.reason ->> 'why', '') AS why,
        k.technician_id,
        k.technician_id IS NOT NULL AS is_visit,
        coalesce(b.centre_id, t.centre_id) AS centre_id,
        coalesce(b.name, t.name) AS who,
        coalesce(b.skills, t.skills) AS skills,
        lower(coalesce(k.arrival_window, k.during)) AS begins_at,
        upper(coalesce(k.arrival_window, k.during)) AS ends_at,
        lower(k.during) AS sets_out_at,
        coalesce(k.arrives_at, lower(k.during)) AS arrives_at,
        upper(k.during) AS done_at,
        k.latitude, k.longitude
    FROM booking k LEFT JOIN bay b USING (bay_id) LEFT JOIN technician t USING (technician_id);

-- ---------------------------------------------------------------- rights

GRANT SELECT ON technician, booking_seen TO callout_work, callout_serve;
ALTER TABLE technician ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON technician TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
