-- An owner who does not answer is waited for, and waited for.
CREATE FUNCTION planted_endless_question() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_endless_question BEFORE UPDATE ON owner_ask FOR EACH ROW
    WHEN (NEW.closed_at IS NOT NULL AND NEW.answered_at IS NULL) EXECUTE FUNCTION planted_endless_question();
