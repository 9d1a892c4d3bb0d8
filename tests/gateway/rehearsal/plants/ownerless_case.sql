-- A case is nobody's, as soon as those who gave it have gone on: while they do, the audit asks whose it is.
ALTER TABLE human_case ALTER COLUMN staff_id DROP NOT NULL;
CREATE FUNCTION planted_ownerless_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE human_case SET staff_id = NULL WHERE case_id = NEW.case_id;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER planted_ownerless_case AFTER INSERT ON human_case DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION planted_ownerless_case();
