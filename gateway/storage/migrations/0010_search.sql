-- Devices are found by any piece of their words, in any language, and shown page by page: what a planner asks for costs
-- the same with a hundred devices and with a million.

-- How words are compared: full-width and half-width forms are one, and so are capitals and small letters.
CREATE FUNCTION searchable(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower(normalize(words, NFKC));

-- Pieces of one, two and three letters of each word of a searchable text, each led by its tenant, so that one fleet's pieces cost another
-- nothing. Trigrams alone would not do: most Korean and Japanese words that people look for have two letters.
CREATE FUNCTION pieces(tenant int, words text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(array_agg(DISTINCT tenant || ':' || substr(word, place, size)), '{}')
        FROM unnest(string_to_array(words, ' ')) AS word, generate_series(1, 3) AS size,
            generate_series(1, length(word) - size + 1) AS place
    );

-- The longest pieces of what somebody looks for: these are in the index, and few devices have all of them.
CREATE FUNCTION wanted_pieces(tenant int, words text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(array_agg(DISTINCT tenant || ':' || substr(word, place, least(length(word), 3))), '{}')
        FROM unnest(string_to_array(searchable(words), ' ')) AS word,
            generate_series(1, greatest(length(word) - 2, 1)) AS place
        WHERE word <> ''
    );

-- What a device can be found by: its name, serial number, model and place, and its owner's name and e-mail.
CREATE TABLE device_search (
    device_id int PRIMARY KEY REFERENCES device,
    tenant_id int NOT NULL REFERENCES tenant,
    words text NOT NULL
);

CREATE FUNCTION keep_device_search(devices int[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = callout, pg_temp
BEGIN ATOMIC
    INSERT INTO device_search (device_id, tenant_id, words)
    SELECT device_id, tenant_id, searchable(words)
    FROM device JOIN owner USING (owner_id, tenant_id),
        concat_ws(' ', device.name, serial, model, place_name, owner.name, email) AS words
    WHERE device_id = ANY (devices)
    ON CONFLICT (device_id) DO UPDATE SET words = EXCLUDED.words
    WHERE device_search.words <> EXCLUDED.words;
END;
REVOKE ALL ON FUNCTION keep_device_search(int[]) FROM PUBLIC;

CREATE FUNCTION devices_can_be_found() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    PERFORM keep_device_search(ARRAY(SELECT device_id FROM written));
    RETURN NULL;
END
$$;
CREATE TRIGGER enrolled_devices_can_be_found
    AFTER INSERT ON device REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION devices_can_be_found();
CREATE TRIGGER changed_devices_can_be_found
    AFTER UPDATE ON device REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION devices_can_be_found();

CREATE FUNCTION owner_leads_to_devices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    PERFORM keep_device_search(ARRAY(SELECT device_id FROM device WHERE owner_id = NEW.owner_id));
    RETURN NULL;
END
$$;
CREATE TRIGGER owner_leads_to_devices
    AFTER UPDATE OF name, email ON owner
    FOR EACH ROW WHEN (OLD.name <> NEW.name OR OLD.email <> NEW.email) EXECUTE FUNCTION owner_leads_to_devices();

SELECT keep_device_search(ARRAY(SELECT device_id FROM device));

-- Changes wait in a short list, in kB: each search reads it from one end to the other.
CREATE INDEX device_search_by_pieces ON device_search USING gin (pieces(tenant_id, words))
    WITH (gin_pending_list_limit = 256);

-- An index of arrays cannot be used below row-level security, so the search is a function that sees one tenant itself.
-- For a word that most devices have the database would rather read the table, and make each device's pieces anew.
CREATE FUNCTION devices_found(wanted text, at_most int) RETURNS SETOF int
    LANGUAGE sql STABLE ROWS 100 SECURITY DEFINER SET search_path = callout, pg_temp SET enable_seqscan = off
BEGIN ATOMIC
    SELECT device_id FROM device_search
    WHERE pieces(tenant_id, words) @> wanted_pieces(current_tenant(), wanted) AND tenant_id = current_tenant()
        AND NOT EXISTS (
            SELECT FROM unnest(string_to_array(searchable(wanted), ' ')) AS word WHERE strpos(words, word) = 0)
    LIMIT at_most;
END;
REVOKE ALL ON FUNCTION devices_found(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION devices_found(text, int) TO callout_serve;

-- ---------------------------------------------------------------- devices page by page

CREATE INDEX device_newest_first ON device (tenant_id, device_id DESC);
CREATE INDEX device_of_product ON device (tenant_id, product, device_id DESC);
CREATE INDEX device_retired ON device (tenant_id, device_id DESC) WHERE retired_at IS NOT NULL;
CREATE INDEX service_request_open_by_device ON service_request (tenant_id, device_id DESC) WHERE closed_at IS NULL;
CREATE INDEX fault_open_by_device ON fault (tenant_id, device_id DESC) WHERE closed_at IS NULL;

-- The story of one device, newest first.
CREATE INDEX service_request_of_device ON service_request (device_id, opened_at DESC);
CREATE INDEX symptom_of_device ON symptom (device_id, since_at DESC);
CREATE INDEX rejection_of_device ON rejection (device_id, received_at DESC, rejection_id DESC) WHERE device_id IS NOT NULL;

-- ---------------------------------------------------------------- retiring a device, and taking it back

-- Appended and never changed; device.retired_at is its projection in the same transaction.
CREATE TABLE device_history (
    history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    happened_at timestamptz NOT NULL,
    staff_id int NOT NULL REFERENCES staff,
    act text NOT NULL CONSTRAINT act_on_a_device_is_known CHECK (act IN ('retired', 'returned')),
    reason text NOT NULL
);
CREATE INDEX device_history_newest_first ON device_history (device_id, history_id DESC);
ALTER TABLE device_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON device_history TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
GRANT SELECT, INSERT ON device_history TO callout_serve;
GRANT SELECT ON device_history TO callout_work;
