-- A date is taken that is over already.
CREATE FUNCTION planted_past_date() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    NEW.confirmed_at := upper(NEW.during);
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_past_date BEFORE INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION planted_past_date();
