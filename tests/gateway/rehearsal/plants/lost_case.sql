-- A case is lost as soon as it is opened.
CREATE FUNCTION planted_lost_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    DELETE FROM human_case WHERE case_id = NEW.case_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_lost_case AFTER INSERT ON human_case FOR EACH ROW EXECUTE FUNCTION planted_lost_case();
