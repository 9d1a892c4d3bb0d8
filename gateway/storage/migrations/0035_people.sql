-- What people say and share of their own accord: data shown to a repairer, who depends on the supply, letters about a device.

-- ---------------------------------------------------------------- data shown to an outside repairer

-- One request's fault, evidence and receipt, read by who has the link. It ends with the request, with the mandate's
-- clause, by its own time, or by a tap, whichever comes first; the first two are looked at when it is opened.
CREATE TABLE data_share (
    share_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    request_id bigint NOT NULL REFERENCES service_request,
    repairer_name text NOT NULL CONSTRAINT repairer_has_a_name CHECK (repairer_name <> ''),
    repairer_email text NOT NULL CONSTRAINT repairer_has_an_address CHECK (repairer_email LIKE '_%@_%'),
    shared_by text NOT NULL CONSTRAINT data_is_shared_by_a_person CHECK (shared_by ~ '^(staff|owner)-[0-9]+$'),
    shared_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Each opening is an act of the audit; here is only what a page says of them.
    openings int NOT NULL DEFAULT 0,
    opened_at timestamptz,
    ended_at timestamptz,
    ended_by text CONSTRAINT share_is_ended_by_a_person CHECK (ended_by ~ '^(staff|owner)-[0-9]+$'),
    CONSTRAINT share_expires_after_it_began CHECK (expires_at > shared_at),
    CONSTRAINT ended_share_says_by_whom CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX one_living_share_per_request_and_repairer ON data_share (request_id, lower(repairer_email))
    WHERE ended_at IS NULL;
CREATE INDEX data_share_by_request ON data_share (request_id, share_id);

ALTER TABLE access_token
    ADD COLUMN share_id bigint REFERENCES data_share,
    DROP CONSTRAINT token_purpose_is_known,
    DROP CONSTRAINT token_opens_one_thing,
    ADD CONSTRAINT token_purpose_is_known
        CHECK (purpose IN ('owner_request', 'planner_login', 'planner_session', 'owner_device', 'repairer')),
    ADD CONSTRAINT token_opens_one_thing CHECK (num_nonnulls(request_id, staff_id, device_id, share_id) = 1);

-- ---------------------------------------------------------------- who depends on the supply

-- What an owner says of his home: whether somebody there depends on powered medical equipment. His last word counts.
CREATE TABLE supply_need (
    device_id int NOT NULL REFERENCES device,
    owner_id bigint NOT NULL REFERENCES owner,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    depends boolean NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, owner_id)
);

-- ---------------------------------------------------------------- what a planner asks an owner himself

-- The answer goes to a person when a person has asked.
ALTER TABLE owner_ask ADD COLUMN asked_by int REFERENCES staff;

-- ---------------------------------------------------------------- letters about a device and to one of its owners

ALTER TABLE notice
    ADD COLUMN device_id int REFERENCES device,
    ADD COLUMN owner_id bigint REFERENCES owner,
    DROP CONSTRAINT notice_is_about_one_thing,
    ADD CONSTRAINT notice_is_about_one_thing CHECK (num_nonnulls(request_id, incident_id, device_id) = 1),
    ADD CONSTRAINT notice_of_a_device_is_to_one_owner CHECK ((device_id IS NULL) = (owner_id IS NULL)),
    ADD CONSTRAINT notice_of_a_device_is_written_once UNIQUE (device_id, owner_id, kind, cause);

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT ON data_share, supply_need TO callout_serve;
GRANT UPDATE (openings, opened_at, ended_at, ended_by) ON data_share TO callout_serve;
GRANT UPDATE (depends, said_at) ON supply_need TO callout_serve;
GRANT SELECT ON data_share, supply_need TO callout_work;
-- A planner asks from his page.
GRANT INSERT ON owner_ask TO callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['data_share', 'supply_need'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
