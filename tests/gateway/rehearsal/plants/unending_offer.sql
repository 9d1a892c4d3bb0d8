-- An offer that nobody has answered is not closed.
CREATE FUNCTION planted_unending_offer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_unending_offer BEFORE UPDATE ON offer FOR EACH ROW WHEN (NEW.outcome = 'expired') EXECUTE FUNCTION planted_unending_offer();
