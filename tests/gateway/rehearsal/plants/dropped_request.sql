-- A diagnosis is written down about another component, so that what was found is nobody's work.
CREATE FUNCTION planted_dropped_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.component := 'nothing';
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_dropped_request BEFORE INSERT ON diagnosis FOR EACH ROW EXECUTE FUNCTION planted_dropped_request();
