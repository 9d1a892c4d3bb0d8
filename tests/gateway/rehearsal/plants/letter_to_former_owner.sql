-- Who has sold a device still gets its letters.
CREATE FUNCTION planted_letter_to_former_owner() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    SELECT coalesce(min(o.email), NEW.recipient) INTO NEW.recipient
    FROM service_request r JOIN device_owner w USING (device_id) JOIN owner o ON o.owner_id = w.owner_id
    WHERE r.request_id = NEW.request_id AND w.until_at < NEW.written_at;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_letter_to_former_owner BEFORE INSERT ON notice FOR EACH ROW
    WHEN (NEW.kind IN ('offer', 'ask', 'quote', 'proof', 'confirmed', 'safety')) EXECUTE FUNCTION planted_letter_to_former_owner();
