-- What is open about a device that was sold stays its former owner's.
CREATE FUNCTION planted_request_of_former_owner() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    SELECT coalesce(max(w.owner_id), NEW.owner_id) INTO NEW.owner_id FROM device_owner w
    WHERE w.device_id = NEW.device_id AND w.until_at IS NOT NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_request_of_former_owner BEFORE INSERT ON service_request FOR EACH ROW
    EXECUTE FUNCTION planted_request_of_former_owner();
