-- A deposit is asked for twice.
ALTER TABLE deposit DROP CONSTRAINT quote_has_one_deposit;
CREATE FUNCTION planted_second_deposit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    INSERT INTO deposit (tenant_id, request_id, quote_id, amount_minor, currency, state, due_at, made_at)
        VALUES (NEW.tenant_id, NEW.request_id, NEW.quote_id, NEW.amount_minor, NEW.currency, 'wanted', NEW.due_at, NEW.made_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_second_deposit AFTER INSERT ON deposit FOR EACH ROW
    WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION planted_second_deposit();
-- The statement that writes a deposit names the constraint.
ALTER TABLE deposit ADD COLUMN planted int GENERATED ALWAYS AS IDENTITY;
ALTER TABLE deposit ADD CONSTRAINT quote_has_one_deposit UNIQUE (quote_id, planted);
