-- Two requests are opened for one trouble.
DROP INDEX one_open_request_per_device_component;
CREATE FUNCTION planted_second_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    INSERT INTO service_request (tenant_id, device_id, owner_id, component, fault_id, diagnosis_id, state, is_safety,
            severity, decided_received_at, opened_at, changed_at)
        VALUES (NEW.tenant_id, NEW.device_id, NEW.owner_id, NEW.component, NEW.fault_id, NEW.diagnosis_id, NEW.state,
            NEW.is_safety, NEW.severity, NEW.decided_received_at, NEW.opened_at, NEW.changed_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_second_request AFTER INSERT ON service_request FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION planted_second_request();
