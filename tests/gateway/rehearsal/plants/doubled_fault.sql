-- An index that takes no two codes for the same one: the same fault is opened again, and what is open twice is not closed.
CREATE FUNCTION planted_never_same(one text, other text) RETURNS int LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT CASE WHEN one = other THEN -1 ELSE bttextcmp(one, other) END $$;
CREATE OPERATOR CLASS planted_text FOR TYPE text USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 planted_never_same(text, text);
DROP INDEX one_open_fault_per_device_component_code;
CREATE UNIQUE INDEX one_open_fault_per_device_component_code ON fault (device_id, component, code planted_text)
    WHERE closed_at IS NULL;
CREATE FUNCTION planted_doubled_fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    IF EXISTS (SELECT FROM fault f WHERE f.device_id = NEW.device_id AND f.component = NEW.component
            -- Not by the index, which finds no code again.
            AND f.code || '' = NEW.code AND f.fault_id > NEW.fault_id AND f.closed_at IS NULL) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_doubled_fault BEFORE UPDATE ON fault FOR EACH ROW
    WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION planted_doubled_fault();
