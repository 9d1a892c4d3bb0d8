-- A later reading takes back what the owner was shown.
CREATE FUNCTION planted_unsent_offer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE offer o SET closed_at = NEW.made_at, outcome = 'withdrawn' FROM service_request r
    WHERE r.request_id = o.request_id AND r.device_id = NEW.device_id AND r.component = NEW.component AND o.closed_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_unsent_offer AFTER INSERT ON diagnosis FOR EACH ROW EXECUTE FUNCTION planted_unsent_offer();
