-- A page to pay on stays when its request ends.
CREATE FUNCTION planted_page_left_open() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_page_left_open BEFORE UPDATE ON deposit FOR EACH ROW
    WHEN (NEW.state = 'unwanted') EXECUTE FUNCTION planted_page_left_open();
