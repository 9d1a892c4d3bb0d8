-- A price ends with its holding, and nobody has written that down.
CREATE FUNCTION planted_wordless_price() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE quote SET state = 'expired', answered_at = NEW.changed_at
        WHERE request_id = NEW.request_id AND state = 'open';
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_wordless_price AFTER UPDATE OF state ON service_request FOR EACH ROW
    WHEN (NEW.state = 'held') EXECUTE FUNCTION planted_wordless_price();
