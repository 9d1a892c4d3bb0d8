-- Whoever keeps a date has unlearned what it needs, and nobody notices that it does not suffice any more.
CREATE FUNCTION planted_unlearning() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    UPDATE technician t SET skills = '{}' FROM booking k WHERE k.booking_id = NEW.booking_id AND t.technician_id = k.technician_id;
    UPDATE bay b SET skills = '{}' FROM booking k WHERE k.booking_id = NEW.booking_id AND b.bay_id = k.bay_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER planted_unlearning AFTER INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION planted_unlearning();
CREATE FUNCTION planted_unnoticed_misfit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_unnoticed_misfit BEFORE INSERT ON request_event FOR EACH ROW
    WHEN (NEW.event = 'date_misfit') EXECUTE FUNCTION planted_unnoticed_misfit();
CREATE TRIGGER planted_unopened_case BEFORE INSERT ON human_case FOR EACH ROW
    WHEN (NEW.reason LIKE 'What has to be done does not fit%') EXECUTE FUNCTION planted_unnoticed_misfit();
