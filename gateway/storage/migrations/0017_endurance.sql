-- What must not stop ingest: a dump that reads while a day begins. And alarms about a broker that does not let us in, and
-- about the machine's clock.

-- A partition is made beside its table and then attached. To make it as a part of the table needs the whole table for
-- itself: it would wait for whoever reads there, a dump of an hour among them, and all that is written would wait behind it.
CREATE OR REPLACE FUNCTION ensure_day(parent regclass, day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    parent_name text;
    parent_kind "char";
    child text;
    month date := date_trunc('month', day)::date;
    begins date := day;
    ends date := day + 1;
BEGIN
    SELECT relname, relkind INTO STRICT parent_name, parent_kind FROM pg_class
    WHERE oid = parent AND relnamespace = 'callout'::regnamespace AND relkind IN ('p', 'r') AND relname LIKE '%\_reading';
    -- A table that is not partitioned makes its pieces by itself.
    IF parent_kind = 'r' THEN
        RETURN;
    END IF;
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
    PERFORM pg_advisory_xact_lock(hashtext('callout.ensure_day'));
    -- Somebody else may have made it while we waited.
    IF to_regclass(format('callout.%I', child)) IS NULL THEN
        EXECUTE format('CREATE TABLE callout.%I (LIKE callout.%I INCLUDING ALL)', child, parent_name);
        EXECUTE format('ALTER TABLE callout.%I ATTACH PARTITION callout.%I FOR VALUES FROM (%L) TO (%L)',
            parent_name, child, begins::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
    END IF;
END
$$;

ALTER TABLE desk_alarm DROP CONSTRAINT alarm_kind_is_known;
ALTER TABLE desk_alarm ADD CONSTRAINT alarm_kind_is_known CHECK (kind IN ('queue_fills', 'queue_drops', 'database_away',
    'ingest_behind', 'ingest_silent', 'work_silent', 'jobs_old', 'disk_full', 'list_old', 'broker_away', 'clock_jumped'));
