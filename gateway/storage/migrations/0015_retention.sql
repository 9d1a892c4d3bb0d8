-- Readings are kept for a time and then forgotten, but for those that somebody or something still needs; and where
-- TimescaleDB is, the tables of readings are its hypertables, with a columnstore for what is a week old.

-- The schema of TimescaleDB's functions, null where this database does not use it.
CREATE FUNCTION timescale_schema() RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb');

-- The pieces that a table of readings is kept in: partitions or chunks, a day or a month each.
CREATE FUNCTION reading_pieces(parent regclass) RETURNS TABLE (piece regclass, begins_at timestamptz, ends_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    -- A table of readings that is not partitioned by PostgreSQL can only be a hypertable.
    IF (SELECT relkind FROM pg_class WHERE oid = parent) = 'r' THEN
        RETURN QUERY SELECT format('%I.%I', c.chunk_schema, c.chunk_name)::regclass, c.range_start, c.range_end
            FROM timescaledb_information.chunks c JOIN pg_class p ON p.oid = parent
            WHERE c.hypertable_schema = 'callout' AND c.hypertable_name = p.relname;
    ELSE
        RETURN QUERY SELECT i.inhrelid::regclass, day::timestamp AT TIME ZONE 'UTC',
                (day + CASE length(stamp) WHEN 6 THEN interval '1 month' ELSE interval '1 day' END) AT TIME ZONE 'UTC'
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, substring(c.relname FROM '_(\d+)$') AS stamp,
                to_date(rpad(stamp, 8, '01'), 'YYYYMMDD') AS day
            WHERE i.inhparent = parent;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION reading_pieces(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reading_pieces(regclass) TO callout_work;

-- Make the piece of a day or a month. A hypertable makes a day's by itself, and a month's only when it is told to.
CREATE FUNCTION make_piece(parent regclass, begins date, ends date) RETURNS void
    LANGUAGE plpgsql SET search_path = callout, pg_temp
AS $$
DECLARE
    begins_at timestamptz := begins::timestamp AT TIME ZONE 'UTC';
    ends_at timestamptz := ends::timestamp AT TIME ZONE 'UTC';
    parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = parent) = 'p' THEN
        EXECUTE format('CREATE TABLE IF NOT EXISTS callout.%I PARTITION OF callout.%I FOR VALUES FROM (%L) TO (%L)',
            format('%s_%s', parent_name, to_char(begins, CASE ends - begins WHEN 1 THEN 'YYYYMMDD' ELSE 'YYYYMM' END)),
            parent_name, begins_at, ends_at);
    ELSIF ends - begins > 1 THEN
        EXECUTE 'SELECT _timescaledb_functions.create_chunk($1, jsonb_build_object(''claimed_at'', jsonb_build_array($2, $3)))'
            USING parent, (extract(epoch FROM begins_at) * 1000000)::bigint, (extract(epoch FROM ends_at) * 1000000)::bigint;
    END IF;
EXCEPTION
    -- It is not part of TimescaleDB's documented interface: without it, a piece a day is made.
    WHEN undefined_function THEN RETURN;
END
$$;
REVOKE ALL ON FUNCTION make_piece(regclass, date, date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION ensure_day(parent regclass, day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    parent_name text;
    is_hypertable boolean;
    month date := date_trunc('month', day)::date;
    next_month date := (month + interval '1 month')::date;
    is_old boolean := month < current_date - 430;
    is_there boolean;
BEGIN
    SELECT relname, relkind = 'r' INTO STRICT parent_name, is_hypertable FROM pg_class
    WHERE oid = parent AND relnamespace = 'callout'::regnamespace AND relkind IN ('p', 'r') AND relname LIKE '%\_reading';
    IF is_hypertable AND NOT is_old
        OR to_regclass(format('callout.%I', format('%s_%s', parent_name, to_char(day, 'YYYYMMDD')))) IS NOT NULL
        OR to_regclass(format('callout.%I', format('%s_%s', parent_name, to_char(day, 'YYYYMM')))) IS NOT NULL THEN
        RETURN;
    END IF;
    -- A hypertable makes a piece by itself; an old month of which it has none is made whole.
    IF is_hypertable THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.show_chunks($1, newer_than => $2, older_than => $3))', timescale_schema())
            INTO is_there USING parent, month::timestamp AT TIME ZONE 'UTC', next_month::timestamp AT TIME ZONE 'UTC';
        IF is_there THEN
            RETURN;
        END IF;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('callout.ensure_day'));
    -- A month that has some of its days already gets the others one by one.
    IF is_old AND NOT EXISTS (
        SELECT FROM reading_pieces(parent)
        WHERE begins_at < next_month::timestamp AT TIME ZONE 'UTC' AND ends_at > month::timestamp AT TIME ZONE 'UTC') THEN
        PERFORM make_piece(parent, month, next_month);
    ELSIF NOT EXISTS (
        SELECT FROM reading_pieces(parent)
        WHERE begins_at <= day::timestamp AT TIME ZONE 'UTC' AND ends_at > day::timestamp AT TIME ZONE 'UTC') THEN
        PERFORM make_piece(parent, day, day + 1);
    END IF;
END
$$;

-- ---------------------------------------------------------------- hypertables

-- Turn a table of readings that is partitioned by days into a hypertable, its readings with it. It takes as long as
-- writing them anew; whoever reads or writes readings waits. A later migration that makes a table need not call it.
CREATE FUNCTION become_hypertable(parent_name text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = callout, pg_temp
AS $$
DECLARE
    timescale text := timescale_schema();
    former text := parent_name || '_plain';
    seen text := parent_name || '_seen';
    definition text;
    rights record;
BEGIN
    IF timescale IS NULL OR NOT EXISTS (
        SELECT FROM pg_class WHERE relnamespace = 'callout'::regnamespace AND relname = parent_name AND relkind = 'p') THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent_name);
    definition := pg_get_viewdef(seen::regclass);
    CREATE TEMPORARY TABLE former_right ON COMMIT DROP AS
        SELECT relname, grantee::regrole::text AS grantee, privilege_type
        FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = 'callout'::regnamespace AND relname IN (parent_name, seen) AND grantee <> relowner;
    EXECUTE format('DROP VIEW %I', seen);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', parent_name, former);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES)', parent_name, former);
    EXECUTE format('SELECT %I.create_hypertable(%L::regclass, %I.by_range(%L, interval %L), create_default_indexes => false)',
        timescale, format('callout.%I', parent_name), timescale, 'claimed_at', '1 day');
    EXECUTE format('INSERT INTO %I SELECT * FROM %I', parent_name, former);
    EXECUTE format('DROP TABLE %I', former);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (device_id, claimed_at, boot, seq, sample)', parent_name);
    EXECUTE format('CREATE INDEX %I ON %I (partition, ingest_no)', parent_name || '_by_ingest_no', parent_name);
    -- The whole key is sorted by: a reading that comes again into the columnstore is looked for in few of its pieces. What
    -- detectors have not seen is looked for by ingest number, without opening what they have.
    EXECUTE format('ALTER TABLE %I SET (timescaledb.enable_columnstore, timescaledb.segmentby = %L, timescaledb.orderby = %L,
        timescaledb.sparse_index = %L)',
        parent_name, 'device_id', 'claimed_at, boot, seq, sample', 'minmax(ingest_no)');
    EXECUTE format('CALL %I.remove_columnstore_policy(%L::regclass, if_exists => true)',
        timescale, format('callout.%I', parent_name));
    -- A week is longer than any product's readings may be late and still move a detector.
    EXECUTE format('CALL %I.add_columnstore_policy(%L::regclass, after => interval %L)',
        timescale, format('callout.%I', parent_name), '7 days');
    EXECUTE format('CREATE VIEW %I WITH (security_barrier) AS %s', seen, definition);
    FOR rights IN SELECT * FROM former_right LOOP
        EXECUTE format('GRANT %s ON %I TO %s', rights.privilege_type, rights.relname, rights.grantee);
    END LOOP;
    DROP TABLE former_right;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION become_hypertable(text) FROM PUBLIC;

-- ---------------------------------------------------------------- what is still needed

-- Who needs which readings of which device, for how long ever they have been kept. Two days are allowed for after the
-- end of a matter, and ninety days in which somebody may still ask about it.
CREATE VIEW reading_need AS
    -- What detectors would take in again, were a reading to come late: nothing but the last of a device that is quiet. One
    -- without an anchor has been watched for less than the longest time that a reading may be late.
    SELECT d.device_id, 'detectors' AS need, NULL::bigint AS subject,
        coalesce(a.anchor_at, p.newest_claimed_at - interval '7 days', '-infinity') AS begins_at,
        'infinity'::timestamptz AS ends_at
    FROM device d LEFT JOIN device_presence p USING (device_id) LEFT JOIN (
        SELECT device_id, min(anchor_at) AS anchor_at FROM detector_anchor GROUP BY device_id) a USING (device_id)
    WHERE d.retired_at IS NULL
    UNION ALL
    -- What the evidence of a request shows, with as much before it as its figures draw.
    SELECT r.device_id, CASE WHEN r.is_safety THEN 'safety request' ELSE 'request' END, r.request_id,
        since.at - greatest(interval '6 hours', 0.35 * (coalesce(r.closed_at, now()) - since.at)),
        CASE WHEN kept.is_open THEN 'infinity' ELSE r.closed_at + interval '2 days' END
    FROM service_request r JOIN diagnosis g USING (diagnosis_id),
        LATERAL (SELECT least(g.since_at, min(s.since_at)) AS at FROM symptom s WHERE s.symptom_id = ANY (g.symptom_ids)) since,
        LATERAL (SELECT r.closed_at IS NULL
            OR EXISTS (SELECT FROM human_case h WHERE h.request_id = r.request_id AND h.closed_at IS NULL)
            OR EXISTS (SELECT FROM appointment a WHERE a.request_id = r.request_id AND a.state = 'confirmed') AS is_open) kept
    WHERE kept.is_open OR r.closed_at > now() - interval '90 days'
    UNION ALL
    SELECT device_id, 'symptom', symptom_id, since_at - greatest(interval '6 hours', 0.35 * (now() - since_at)), 'infinity'
    FROM symptom WHERE state IN ('pending', 'confirmed')
    UNION ALL
    SELECT device_id, 'fault', fault_id, since_at - greatest(interval '6 hours', 0.35 * (now() - since_at)), 'infinity'
    FROM fault WHERE closed_at IS NULL
    UNION ALL
    SELECT m.device_id, 'incident', m.incident_id, m.since_at - interval '2 days', 'infinity'
    FROM incident_device m JOIN incident i USING (incident_id)
    WHERE i.closed_at IS NULL OR i.closed_at > now() - interval '90 days';

-- ---------------------------------------------------------------- forgetting

-- What became of each stretch of time that is older than readings are kept.
CREATE TABLE reading_retention (
    product text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    looked_at timestamptz NOT NULL,
    outcome text NOT NULL CONSTRAINT outcome_of_retention_is_known
        CHECK (outcome IN ('forgotten', 'needed', 'received_lately', 'not_seen', 'not_rolled_up')),
    forgotten bigint NOT NULL,
    kept bigint NOT NULL,
    PRIMARY KEY (product, begins_at, ends_at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON reading_retention TO callout_work;

-- Forget the readings of whole pieces, but for those that somebody needs: these alone are written into a new piece. So
-- pages and detectors find them where they were. Nobody has the right to delete a reading in any other way.
CREATE FUNCTION forget_readings(
    parent regclass, begins timestamptz, ends timestamptz, received_before timestamptz,
    OUT outcome text, OUT forgotten bigint, OUT kept bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    parent_name text;
    is_hypertable boolean;
    timescale text := timescale_schema();
    pieces regclass[];
    each regclass;
    newest timestamptz;
    is_behind boolean;
BEGIN
    forgotten := 0;
    kept := 0;
    SELECT relname, relkind = 'r' INTO STRICT parent_name, is_hypertable FROM pg_class
    WHERE oid = parent AND relnamespace = 'callout'::regnamespace AND relkind IN ('p', 'r') AND relname LIKE '%\_reading';
    SELECT array_agg(piece) INTO pieces FROM reading_pieces(parent) WHERE begins_at >= begins AND ends_at <= ends;

    IF EXISTS (SELECT FROM rollup_due WHERE product = replace(parent_name, '_reading', '')
            AND hour_at >= begins AND hour_at < ends) THEN
        outcome := 'not_rolled_up';
        RETURN;
    END IF;
    EXECUTE format(
        'SELECT max(r.received_at), bool_or(c.last_ingest_no IS NULL
            OR least(c.last_ingest_no, p.settled_ingest_no) < r.ingest_no) FROM (
            SELECT partition, max(ingest_no) AS ingest_no, max(received_at) AS received_at FROM %I
            WHERE claimed_at >= $1 AND claimed_at < $2 GROUP BY partition) r
        JOIN ingest_partition p ON p.partition = r.partition
        LEFT JOIN detector_checkpoint c ON c.partition = r.partition AND c.product = $3', parent_name)
        INTO newest, is_behind USING begins, ends, replace(parent_name, '_reading', '');
    IF newest >= received_before THEN
        outcome := 'received_lately';
        RETURN;
    ELSIF is_behind THEN
        outcome := 'not_seen';
        RETURN;
    END IF;

    -- From here on nobody writes into these pieces; what came in between is kept, as all that was received lately.
    FOREACH each IN ARRAY coalesce(pieces, '{}') LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', each);
    END LOOP;
    EXECUTE format('SELECT count(*) FROM %I WHERE claimed_at >= $1 AND claimed_at < $2', parent_name)
        INTO forgotten USING begins, ends;
    EXECUTE format(
        'CREATE TEMPORARY TABLE reading_needed ON COMMIT DROP AS
        SELECT r.* FROM %I r WHERE r.claimed_at >= %L AND r.claimed_at < %L AND (r.received_at >= %L OR EXISTS (
            SELECT FROM reading_need n
            WHERE n.device_id = r.device_id AND r.claimed_at >= n.begins_at AND r.claimed_at < n.ends_at))',
        parent_name, begins, ends, received_before);
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF kept = forgotten AND cardinality(pieces) = 1 AND kept > 0 THEN
        outcome := 'needed';
        forgotten := 0;
        DROP TABLE reading_needed;
        RETURN;
    END IF;
    forgotten := forgotten - kept;
    outcome := 'forgotten';

    IF is_hypertable THEN
        EXECUTE format('SELECT count(*) FROM %I.drop_chunks(%L::regclass, older_than => %L::timestamptz, newer_than => %L::timestamptz)',
            timescale, parent, ends, begins);
    ELSE
        FOREACH each IN ARRAY pieces LOOP
            EXECUTE format('DROP TABLE %s', each);
        END LOOP;
    END IF;
    IF kept > 0 THEN
        PERFORM make_piece(parent, (begins AT TIME ZONE 'UTC')::date, (ends AT TIME ZONE 'UTC')::date);
        EXECUTE format('INSERT INTO %I SELECT * FROM reading_needed', parent_name);
    END IF;
    DROP TABLE reading_needed;
END
$$;
REVOKE ALL ON FUNCTION forget_readings(regclass, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_readings(regclass, timestamptz, timestamptz, timestamptz) TO callout_work;
