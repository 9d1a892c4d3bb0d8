-- A link of the audit's chain does not name the one before it.
CREATE FUNCTION planted_broken_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.previous := sha256(NEW.previous);
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_broken_chain BEFORE INSERT ON audit_link FOR EACH ROW
    WHEN (NEW.number % 5 = 0) EXECUTE FUNCTION planted_broken_chain();
