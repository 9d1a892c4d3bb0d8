-- An offer is written again under another cause, as if it were another one.
CREATE FUNCTION planted_restless_letters() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, public AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        INSERT INTO notice (tenant_id, request_id, kind, recipient, language, cause, detail, written_at)
        SELECT NEW.tenant_id, NEW.request_id, NEW.kind, NEW.recipient, NEW.language, NEW.cause || '-' || n,
            NEW.detail || jsonb_build_object('again', n), NEW.written_at FROM generate_series(1, 3) n;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_restless_letters AFTER INSERT ON notice FOR EACH ROW
    WHEN (NEW.kind = 'offer') EXECUTE FUNCTION planted_restless_letters();
