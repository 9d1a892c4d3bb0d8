-- Parts are not given back.
CREATE FUNCTION planted_lost_release() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_lost_release BEFORE UPDATE ON reservation FOR EACH ROW WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL) EXECUTE FUNCTION planted_lost_release();
