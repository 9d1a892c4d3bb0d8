-- A letter that was taken back waits for nobody: it is no letter that has not left.

CREATE OR REPLACE FUNCTION desk_backlog(OUT notices_unsent bigint, OUT oldest_notice_at timestamptz, OUT cases_open bigint,
    OUT cases_overdue bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
    SELECT n.unsent, n.oldest_at, c.open, c.overdue
    FROM (SELECT count(*) AS unsent, min(written_at) AS oldest_at FROM notice
          WHERE sent_at IS NULL AND withdrawn_at IS NULL) n,
         (SELECT count(*) AS open, count(*) FILTER (WHERE due_at <= now()) AS overdue
          FROM human_case WHERE closed_at IS NULL) c
$$;

DROP INDEX notice_unsent;
CREATE INDEX notice_unsent ON notice (tenant_id, written_at) WHERE sent_at IS NULL AND withdrawn_at IS NULL;
