-- A closed request is still worked on.
CREATE FUNCTION planted_restless_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    INSERT INTO request_event (tenant_id, request_id, happened_at, actor, event)
        VALUES (NEW.tenant_id, NEW.request_id, NEW.closed_at + interval '1 minute', 'desk', 'offered');
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_restless_request AFTER UPDATE ON service_request FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION planted_restless_request();
