-- Dates are offered although their parts come much later.
CREATE FUNCTION planted_date_before_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.expected_at := NEW.reserved_at + interval '60 days';
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_date_before_part BEFORE INSERT ON reservation FOR EACH ROW EXECUTE FUNCTION planted_date_before_part();
