-- Who has lost his date for want of a part is not told.
CREATE FUNCTION planted_untold_loss() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_untold_loss BEFORE INSERT ON notice FOR EACH ROW
    WHEN (NEW.kind IN ('date_lost', 'called_off')) EXECUTE FUNCTION planted_untold_loss();
