-- Owners are asked for more than they have agreed to.
CREATE FUNCTION planted_other_amount() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    NEW.amount_minor := NEW.amount_minor + 100;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_other_amount BEFORE INSERT ON deposit FOR EACH ROW EXECUTE FUNCTION planted_other_amount();
