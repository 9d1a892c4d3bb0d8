-- Who is cancelled by somebody else hears nothing of it.
CREATE FUNCTION planted_silent_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_silent_end BEFORE INSERT ON notice FOR EACH ROW
    WHEN (NEW.kind = 'cancelled') EXECUTE FUNCTION planted_silent_end();
