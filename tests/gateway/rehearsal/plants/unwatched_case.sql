-- Nobody looks at the clocks of cases.
CREATE FUNCTION planted_unwatched_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_unwatched_case BEFORE UPDATE ON human_case FOR EACH ROW
    WHEN (OLD.warned_at IS NULL AND NEW.warned_at IS NOT NULL) EXECUTE FUNCTION planted_unwatched_case();
