-- Times of an offer stay held when it ends.
CREATE FUNCTION planted_held_too_long() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_held_too_long BEFORE UPDATE ON booking FOR EACH ROW
    WHEN (OLD.kind = 'held' AND NEW.kind = 'held' AND OLD.released_at IS NULL AND NEW.released_at IS NOT NULL)
    EXECUTE FUNCTION planted_held_too_long();
