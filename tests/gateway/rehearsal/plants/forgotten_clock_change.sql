-- Times are promised by the clocks of the day on which they are offered, as if these never changed.
CREATE FUNCTION planted_forgotten_clock_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
DECLARE
    zone text;
    shift interval;
BEGIN
    SELECT c.time_zone INTO zone FROM service_centre c WHERE c.centre_id = coalesce(
        (SELECT centre_id FROM bay WHERE bay_id = NEW.bay_id),
        (SELECT centre_id FROM technician WHERE technician_id = NEW.technician_id));
    shift := (lower(NEW.during) AT TIME ZONE zone - lower(NEW.during) AT TIME ZONE 'UTC')
        - ((SELECT made_at FROM offer WHERE offer_id = NEW.offer_id) AT TIME ZONE zone
            - (SELECT made_at FROM offer WHERE offer_id = NEW.offer_id) AT TIME ZONE 'UTC');
    -- Where somebody else is at that time, the date would be refused, and nothing be promised.
    IF EXISTS (SELECT FROM booking k WHERE k.released_at IS NULL
            AND (k.bay_id = NEW.bay_id OR k.technician_id = NEW.technician_id)
            AND k.during && tstzrange(lower(NEW.during) + shift, upper(NEW.during) + shift)) THEN
        RETURN NEW;
    END IF;
    NEW.during := tstzrange(lower(NEW.during) + shift, upper(NEW.during) + shift);
    IF NEW.technician_id IS NOT NULL THEN
        NEW.arrives_at := NEW.arrives_at + shift;
        NEW.arrival_window := tstzrange(lower(NEW.arrival_window) + shift, upper(NEW.arrival_window) + shift);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_forgotten_clock_change BEFORE INSERT ON booking FOR EACH ROW
    EXECUTE FUNCTION planted_forgotten_clock_change();
