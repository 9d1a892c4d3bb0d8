-- What an owner lets his device have done alone, who owned it when, and the audit: every act with its ground, chained.

-- ---------------------------------------------------------------- owners

-- Whose a device is and was. Several may own it at a time; device.owner_id is the one who is written to.
CREATE TABLE device_owner (
    device_id int NOT NULL REFERENCES device,
    owner_id bigint NOT NULL REFERENCES owner,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    since_at timestamptz NOT NULL,
    until_at timestamptz,
    PRIMARY KEY (device_id, owner_id, since_at),
    CONSTRAINT ownership_ends_after_it_began CHECK (until_at >= since_at)
);
CREATE UNIQUE INDEX owner_owns_a_device_once_at_a_time ON device_owner (device_id, owner_id) WHERE until_at IS NULL;
CREATE INDEX device_owner_by_owner ON device_owner (owner_id);

INSERT INTO device_owner (device_id, owner_id, tenant_id, since_at)
    SELECT device_id, owner_id, tenant_id, enrolled_at FROM device;

CREATE FUNCTION own_from_enrolment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    INSERT INTO device_owner (device_id, owner_id, tenant_id, since_at)
        SELECT device_id, owner_id, tenant_id, enrolled_at FROM enrolled;
    RETURN NULL;
END
$$;
CREATE TRIGGER device_has_an_owner_from_its_enrolment
    AFTER INSERT ON device REFERENCING NEW TABLE AS enrolled
    FOR EACH STATEMENT EXECUTE FUNCTION own_from_enrolment();

-- ---------------------------------------------------------------- mandates

CREATE TABLE mandate (
    mandate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    owner_id bigint NOT NULL REFERENCES owner,
    signed_at timestamptz NOT NULL,
    signed_by text NOT NULL CONSTRAINT manner_of_signing_is_known CHECK (signed_by IN ('carried_over', 'enrolment', 'page')),
    expires_at timestamptz,
    ended_at timestamptz,
    ended_why text CONSTRAINT end_of_a_mandate_is_known CHECK (ended_why IN ('replaced', 'revoked', 'transferred')),
    ended_by text,
    CONSTRAINT mandate_expires_after_it_is_signed CHECK (expires_at > signed_at),
    CONSTRAINT mandate_ends_after_it_is_signed CHECK (ended_at >= signed_at),
    CONSTRAINT ended_mandate_says_why_and_by_whom CHECK (num_nonnulls(ended_at, ended_why, ended_by) IN (0, 3))
);
CREATE UNIQUE INDEX one_living_mandate_per_device ON mandate (device_id) WHERE ended_at IS NULL;
CREATE INDEX mandate_newest_first ON mandate (device_id, mandate_id DESC);

CREATE TABLE mandate_clause (
    mandate_id bigint NOT NULL REFERENCES mandate,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    clause text NOT NULL CONSTRAINT clause_is_known
        CHECK (clause IN ('report', 'remote_reset', 'reserve_part', 'offer_dates', 'share_data')),
    limit_minor bigint CONSTRAINT limit_is_not_negative CHECK (limit_minor >= 0),
    currency text CONSTRAINT currency_has_three_letters CHECK (currency ~ '^[A-Z]{3}$'),
    PRIMARY KEY (mandate_id, clause),
    CONSTRAINT limit_has_a_currency CHECK ((limit_minor IS NULL) = (currency IS NULL)),
    CONSTRAINT only_what_costs_has_a_limit CHECK (limit_minor IS NULL OR clause = 'reserve_part')
);

-- What was signed stays as it was signed; a mandate ends once.
CREATE FUNCTION keep_what_was_signed() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (to_jsonb(OLD) - '{ended_at,ended_why,ended_by}'::text[])
        IS DISTINCT FROM (to_jsonb(NEW) - '{ended_at,ended_why,ended_by}'::text[]) THEN
        RAISE EXCEPTION 'a mandate is ended once and never changed otherwise';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER mandate_is_never_changed BEFORE UPDATE ON mandate FOR EACH ROW EXECUTE FUNCTION keep_what_was_signed();

-- What the desk did already in the names of owners: it reported, put parts aside and offered dates. No more than that.
INSERT INTO mandate (tenant_id, device_id, owner_id, signed_at, signed_by)
    SELECT tenant_id, device_id, owner_id, now(), 'carried_over' FROM device WHERE retired_at IS NULL;
INSERT INTO mandate_clause (mandate_id, tenant_id, clause)
    SELECT m.mandate_id, m.tenant_id, c.clause FROM mandate m
    CROSS JOIN unnest('{report,reserve_part,offer_dates}'::text[]) AS c (clause);

-- ---------------------------------------------------------------- audit

-- An act of the desk stands on a clause; one that does not is a named person's.
CREATE TABLE audit_record (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    at timestamptz NOT NULL,
    actor text NOT NULL CONSTRAINT actor_is_the_desk_or_a_person CHECK (actor ~ '^(desk|(staff|owner)-[0-9]+)$'),
    act text NOT NULL,
    device_id int NOT NULL REFERENCES device,
    request_id bigint REFERENCES service_request,
    mandate_id bigint,
    clause text,
    -- As it was written, byte for byte: its hash is of this.
    inputs json NOT NULL,
    sha256 bytea NOT NULL CONSTRAINT hash_of_an_act_has_32_bytes CHECK (length(sha256) = 32),
    FOREIGN KEY (mandate_id, clause) REFERENCES mandate_clause,
    CONSTRAINT act_stands_on_a_clause_or_a_person_is_named CHECK (
        num_nonnulls(mandate_id, clause) = CASE WHEN actor = 'desk' THEN 2 ELSE 0 END)
);
CREATE INDEX audit_record_by_request ON audit_record (request_id, audit_id);
CREATE INDEX audit_record_by_device ON audit_record (device_id, audit_id DESC);
CREATE INDEX audit_record_by_mandate ON audit_record (mandate_id, at DESC);

CREATE TABLE audit_link (
    tenant_id int NOT NULL REFERENCES tenant,
    number bigint NOT NULL,
    audit_id bigint NOT NULL CONSTRAINT record_is_linked_once UNIQUE REFERENCES audit_record,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

-- Where the chain of a tenant ends. Its row is the lock under which it grows.
CREATE TABLE audit_head (
    tenant_id int PRIMARY KEY REFERENCES tenant,
    number bigint NOT NULL,
    hash bytea NOT NULL
);

CREATE FUNCTION refuse_other_than_append() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% is appended to and never changed', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_record_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_than_append();
CREATE TRIGGER audit_link_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_than_append();

-- No act of the desk without a clause that was valid when it was done.
CREATE FUNCTION clause_was_valid() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    IF NEW.mandate_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM mandate m WHERE m.mandate_id = NEW.mandate_id AND m.device_id = NEW.device_id
            AND m.tenant_id = NEW.tenant_id AND NEW.at >= m.signed_at AND m.ended_at IS NULL
            AND (m.expires_at IS NULL OR NEW.at < m.expires_at)) THEN
        RAISE EXCEPTION 'mandate % does not hold for % of device % at %', NEW.mandate_id, NEW.act, NEW.device_id, NEW.at
            USING ERRCODE = 'check_violation', CONSTRAINT = 'act_has_a_clause_that_is_valid';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER act_has_a_clause_that_is_valid
    BEFORE INSERT ON audit_record FOR EACH ROW EXECUTE FUNCTION clause_was_valid();

-- The chain grows when a transaction is committed, under the lock of its tenant's head: it is held for the commit alone.
CREATE FUNCTION link_audit_record() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    head audit_head;
    next_hash bytea;
BEGIN
    INSERT INTO audit_head VALUES (NEW.tenant_id, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM audit_head WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    next_hash := sha256(convert_to(format('{"act":"%s","number":%s,"previous":"%s"}',
        encode(NEW.sha256, 'hex'), head.number + 1, encode(head.hash, 'hex')), 'UTF8'));
    INSERT INTO audit_link VALUES (NEW.tenant_id, head.number + 1, NEW.audit_id, head.hash, next_hash);
    UPDATE audit_head SET number = head.number + 1, hash = next_hash WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER audit_record_is_linked_at_commit
    AFTER INSERT ON audit_record DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION link_audit_record();

-- ---------------------------------------------------------------- links to a device's own page

ALTER TABLE access_token
    ADD COLUMN device_id int REFERENCES device,
    ADD COLUMN owner_id bigint REFERENCES owner,
    DROP CONSTRAINT token_purpose_is_known,
    DROP CONSTRAINT token_opens_one_thing,
    ADD CONSTRAINT token_purpose_is_known
        CHECK (purpose IN ('owner_request', 'planner_login', 'planner_session', 'owner_device')),
    ADD CONSTRAINT token_opens_one_thing CHECK (num_nonnulls(request_id, staff_id, device_id) = 1),
    ADD CONSTRAINT device_is_opened_to_one_owner CHECK ((device_id IS NULL) = (owner_id IS NULL));

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT ON mandate, mandate_clause, audit_record TO callout_work, callout_serve;
GRANT SELECT ON audit_link, audit_head, device_owner TO callout_work, callout_serve;
-- An act locks the mandate that it stands on, so that it is not taken back in the middle: that needs the right to update.
GRANT UPDATE (ended_at, ended_why, ended_by) ON mandate TO callout_work, callout_serve;
GRANT INSERT ON device_owner TO callout_serve;
GRANT UPDATE (until_at) ON device_owner TO callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['device_owner', 'mandate', 'mandate_clause', 'audit_record', 'audit_link', 'audit_head'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
