-- A case is lost when its letter has left.
CREATE FUNCTION planted_lost_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, public AS $$
BEGIN
    DELETE FROM human_case WHERE request_id = NEW.request_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_lost_case AFTER UPDATE ON notice FOR EACH ROW
    WHEN (NEW.kind = 'case_opened' AND NEW.sent_at IS NOT NULL) EXECUTE FUNCTION planted_lost_case();
