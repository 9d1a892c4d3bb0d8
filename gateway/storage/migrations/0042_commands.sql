-- A command of a remedy that nobody wants any more leaves the outbox with its request's change, not with the next sweep.

CREATE FUNCTION call_off_commands_of_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    -- As if it had never been worth anything: whoever sends looks at it by another clock.
    UPDATE device_command SET expires_at = written_at
    WHERE request_id = NEW.request_id AND sent_at IS NULL AND command NOT IN ('stop_using', 'resend')
        AND expires_at > written_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER unwanted_remedy_is_not_sent AFTER UPDATE OF state ON service_request
    FOR EACH ROW WHEN (OLD.state = 'remedying' AND NEW.state <> 'remedying') EXECUTE FUNCTION call_off_commands_of_request();
-- Found by request: commands are many, those that wait are few.
CREATE INDEX command_unsent_of_request ON device_command (request_id) WHERE sent_at IS NULL AND request_id IS NOT NULL;
