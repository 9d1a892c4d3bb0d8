-- That an owner has agreed to a price is not written to it.
CREATE FUNCTION planted_unagreed_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_unagreed_price BEFORE UPDATE ON quote FOR EACH ROW
    WHEN (OLD.state = 'open' AND NEW.state = 'accepted') EXECUTE FUNCTION planted_unagreed_price();
