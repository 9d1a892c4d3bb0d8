-- Another technician comes, and later than its owner was told.
CREATE FUNCTION planted_moved_window() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE appointment SET during = tstzrange(lower(during) + interval '1 hour', upper(during) + interval '1 hour')
    WHERE request_id = NEW.request_id AND state = 'confirmed';
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_moved_window AFTER INSERT ON request_event FOR EACH ROW
    WHEN (NEW.event IN ('replanned', 'reassigned')) EXECUTE FUNCTION planted_moved_window();
