-- Each letter is written twice.
CREATE FUNCTION planted_doubled_notice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    INSERT INTO notice (tenant_id, request_id, kind, recipient, language, cause, detail, written_at)
        VALUES (NEW.tenant_id, NEW.request_id, NEW.kind, NEW.recipient, NEW.language, NEW.cause || ' again', NEW.detail,
            NEW.written_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_doubled_notice AFTER INSERT ON notice FOR EACH ROW WHEN (pg_trigger_depth() < 1 AND NEW.request_id IS NOT NULL) EXECUTE FUNCTION planted_doubled_notice();
