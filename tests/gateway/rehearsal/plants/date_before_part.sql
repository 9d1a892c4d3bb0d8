-- Dates are offered while their parts are not put aside.
CREATE FUNCTION planted_date_before_part() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_date_before_part BEFORE INSERT ON reservation FOR EACH ROW EXECUTE FUNCTION planted_date_before_part();
