-- What a planner takes back is still offered.
CREATE FUNCTION planted_half_undone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE offer SET closed_at = NULL, outcome = NULL
    WHERE request_id = NEW.request_id AND closed_at = NEW.happened_at AND outcome = 'withdrawn';
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_half_undone AFTER INSERT ON request_event FOR EACH ROW
    WHEN (NEW.event = 'undone') EXECUTE FUNCTION planted_half_undone();
