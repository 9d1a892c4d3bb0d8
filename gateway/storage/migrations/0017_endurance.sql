-- What must not stop ingest: a dump that reads while a day begins. And alarms about a broker that does not let us in, and
-- about the machine's clock.

-- A partition is made beside its table and then attached. To make it as a part of the table needs the whole table for
-- itself: it would wait for whoever reads there, a dump of an hour among them, and all that is written would wait behind it.
CREATE OR REPLACE FUNCTION make_piece(parent regclass, begins date, ends date) RETURNS void
    LANGUAGE plpgsql SET search_path = callout, pg_temp
AS $$
DECLARE
    begins_at timestamptz := begins::timestamp AT TIME ZONE 'UTC';
    ends_at timestamptz := ends::timestamp AT TIME ZONE 'UTC';
    parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
    child text := format('%s_%s', parent_name, to_char(begins, CASE ends - begins WHEN 1 THEN 'YYYYMMDD' ELSE 'YYYYMM' END));
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = parent) = 'p' THEN
        IF to_regclass(format('callout.%I', child)) IS NULL THEN
            EXECUTE format('CREATE TABLE callout.%I (LIKE callout.%I INCLUDING ALL)', child, parent_name);
            EXECUTE format('ALTER TABLE callout.%I ATTACH PARTITION callout.%I FOR VALUES FROM (%L) TO (%L)',
                parent_name, child, begins_at, ends_at);
        END IF;
    ELSIF ends - begins > 1 THEN
        EXECUTE 'SELECT _timescaledb_functions.create_chunk($1, jsonb_build_object(''claimed_at'', jsonb_build_array($2, $3)))'
            USING parent, (extract(epoch FROM begins_at) * 1000000)::bigint, (extract(epoch FROM ends_at) * 1000000)::bigint;
    END IF;
EXCEPTION
    -- It is not part of TimescaleDB's documented interface: without it, a piece a day is made.
    WHEN undefined_function THEN RETURN;
END
$$;

ALTER TABLE desk_alarm DROP CONSTRAINT alarm_kind_is_known;
ALTER TABLE desk_alarm ADD CONSTRAINT alarm_kind_is_known CHECK (kind IN ('queue_fills', 'queue_drops', 'database_away',
    'ingest_behind', 'ingest_silent', 'work_silent', 'jobs_old', 'disk_full', 'list_old', 'broker_away', 'clock_jumped'));
