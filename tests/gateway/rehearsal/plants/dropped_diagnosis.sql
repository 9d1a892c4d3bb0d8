-- The job that would diagnose a symptom is lost.
CREATE FUNCTION planted_dropped_diagnosis() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, jobs, public AS $$
BEGIN
    DELETE FROM procrastinate_jobs WHERE id = NEW.id;
    RETURN NULL;
END
$$;
-- Named so that it comes after the library's own triggers.
CREATE TRIGGER very_planted_dropped_diagnosis AFTER INSERT ON jobs.procrastinate_jobs FOR EACH ROW WHEN (NEW.task_name = 'diagnose') EXECUTE FUNCTION planted_dropped_diagnosis();
