-- The time of a confirmed date is free for others.
CREATE FUNCTION planted_date_without_time() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, public AS $$
BEGIN
    UPDATE booking SET released_at = NEW.confirmed_at WHERE booking_id = NEW.booking_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_date_without_time AFTER INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION planted_date_without_time();
