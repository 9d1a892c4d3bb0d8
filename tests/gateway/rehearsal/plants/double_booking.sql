-- A bay is promised to a second one for a time that it is promised for already.
ALTER TABLE booking DROP CONSTRAINT bay_serves_one_vehicle_at_a_time;
CREATE FUNCTION planted_double_booking() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    SELECT during INTO NEW.during FROM (
        SELECT 1 AS first, during FROM booking WHERE bay_id = NEW.bay_id AND released_at IS NULL
            AND request_id <> NEW.request_id AND lower(during) > lower(NEW.during) - interval '10 days'
        UNION ALL SELECT 2, NEW.during ORDER BY first LIMIT 1) taken;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_double_booking BEFORE INSERT ON booking FOR EACH ROW WHEN (NEW.bay_id IS NOT NULL) EXECUTE FUNCTION planted_double_booking();
