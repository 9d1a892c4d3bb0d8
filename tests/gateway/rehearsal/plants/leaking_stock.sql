-- What is given back stays promised.
CREATE FUNCTION planted_leaking_stock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE stock_level SET allocated = allocated + 1
    WHERE centre_id = NEW.centre_id AND part_no = NEW.part_no AND allocated < on_hand;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_leaking_stock AFTER UPDATE ON reservation FOR EACH ROW WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL) EXECUTE FUNCTION planted_leaking_stock();
