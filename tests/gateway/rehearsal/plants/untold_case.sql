-- Whoever has a case is not written to.
CREATE FUNCTION planted_untold_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_untold_case BEFORE INSERT ON notice FOR EACH ROW
    WHEN (NEW.kind = 'case_opened') EXECUTE FUNCTION planted_untold_case();
