-- Hours, too, are kept for a time only, if they are wanted so; and an alarm of its own for a log that grows.

ALTER TABLE desk_alarm DROP CONSTRAINT alarm_kind_is_known;
ALTER TABLE desk_alarm ADD CONSTRAINT alarm_kind_is_known CHECK (kind IN ('queue_fills', 'queue_drops', 'database_away',
    'ingest_behind', 'ingest_silent', 'work_silent', 'jobs_old', 'disk_full', 'list_old', 'broker_away', 'clock_jumped',
    'log_behind'));

-- Forget hours of the next devices in the order of their numbers, at most so many hours, but for those of a time of which
-- somebody needs the readings. Detectors look at readings alone. `up_to` is the device to go on after: the same as before
-- when there is more to forget of these, null when there are no further devices. Nobody has the right to delete an hour in
-- any other way.
CREATE FUNCTION forget_hours(
    product_name text, after_device integer, devices integer, before timestamptz, most integer,
    OUT forgotten bigint, OUT up_to integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    hours regclass := format('callout.%I', product_name || '_hour')::regclass;
    those integer[];
BEGIN
    forgotten := 0;
    SELECT array_agg(device_id ORDER BY device_id) INTO those FROM (
        SELECT device_id FROM device WHERE device_id > after_device AND product = product_name
        ORDER BY device_id LIMIT devices) AS next;
    IF those IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format(
        'WITH needed AS MATERIALIZED (
            SELECT device_id, begins_at, ends_at FROM reading_need WHERE device_id = ANY ($1) AND need <> ''detectors''),
        old AS MATERIALIZED (
            SELECT h.device_id, h.hour_at FROM %1$s h
            WHERE h.device_id = ANY ($1) AND h.hour_at < $2 AND NOT EXISTS (
                SELECT FROM needed n WHERE n.device_id = h.device_id
                    AND h.hour_at + interval ''1 hour'' > n.begins_at AND h.hour_at < n.ends_at)
            LIMIT $3)
        DELETE FROM %1$s h USING old WHERE h.device_id = old.device_id AND h.hour_at = old.hour_at', hours)
        USING those, before, most;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    up_to := CASE WHEN forgotten < most THEN those[cardinality(those)] ELSE after_device END;
END
$$;
REVOKE ALL ON FUNCTION forget_hours(text, integer, integer, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_hours(text, integer, integer, timestamptz, integer) TO callout_work;
