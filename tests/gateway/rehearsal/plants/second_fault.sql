-- Faults that a request is not about any more stay open.
CREATE FUNCTION planted_second_fault() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_second_fault BEFORE UPDATE ON fault FOR EACH ROW
    WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION planted_second_fault();
