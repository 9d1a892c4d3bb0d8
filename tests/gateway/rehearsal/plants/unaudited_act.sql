-- Some acts of the desk are written down about another request than theirs, so that theirs stands there without a ground.
CREATE FUNCTION planted_unaudited_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.request_id := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_unaudited_act BEFORE INSERT ON audit_record FOR EACH ROW
    WHEN (NEW.act = 'offered') EXECUTE FUNCTION planted_unaudited_act();
