-- What was taken for work that nobody did is kept as if it had been done.
CREATE FUNCTION planted_kept_deposit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    NEW.state := 'settled';
    NEW.paid_minor := NEW.captured_minor;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_kept_deposit BEFORE UPDATE ON deposit FOR EACH ROW
    WHEN (NEW.state = 'refunding') EXECUTE FUNCTION planted_kept_deposit();
