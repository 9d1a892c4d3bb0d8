-- A mandate is ended as if it had been before the act that stood on it.
CREATE FUNCTION planted_act_without_clause() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = callout, public AS $$
BEGIN
    UPDATE mandate SET ended_at = NEW.at, ended_why = 'revoked', ended_by = 'nobody' WHERE mandate_id = NEW.mandate_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER planted_act_without_clause AFTER INSERT ON audit_record FOR EACH ROW
    WHEN (NEW.act = 'offered' AND NEW.mandate_id IS NOT NULL) EXECUTE FUNCTION planted_act_without_clause();
