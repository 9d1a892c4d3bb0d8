-- What was decided about money is written down about another request than its own.
CREATE FUNCTION planted_unaudited_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.request_id := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_unaudited_money BEFORE INSERT ON audit_record FOR EACH ROW
    WHEN (NEW.act IN ('priced', 'quote_accepted', 'deposit_paid')) EXECUTE FUNCTION planted_unaudited_money();
