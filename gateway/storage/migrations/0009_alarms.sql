-- The desk's own health: which processes have been heard from, and what is wrong with the machinery itself.
-- Nobody's data is in here: alarms are about the desk, not about a tenant.

CREATE TABLE desk_process (
    process text PRIMARY KEY CONSTRAINT process_is_known CHECK (process IN ('ingest', 'work', 'serve')),
    started_at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL
);

CREATE TABLE desk_alarm (
    alarm_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CONSTRAINT alarm_kind_is_known CHECK (kind IN ('queue_fills', 'queue_drops', 'database_away',
        'ingest_behind', 'ingest_silent', 'work_silent', 'jobs_old', 'disk_full')),
    is_critical boolean NOT NULL,
    since_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    -- What was measured last, and what it takes to be an alarm: a share, seconds, or a number of messages, by the kind.
    value double precision NOT NULL,
    threshold double precision NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX one_open_alarm_per_kind ON desk_alarm (kind) WHERE closed_at IS NULL;
CREATE INDEX desk_alarm_newest_first ON desk_alarm (since_at DESC);

GRANT SELECT, INSERT, UPDATE ON desk_process, desk_alarm TO callout_ingest, callout_work, callout_serve;

-- Sums over all tenants, for figures about the desk: row-level security would show one tenant at a time.
CREATE FUNCTION desk_backlog(OUT notices_unsent bigint, OUT oldest_notice_at timestamptz, OUT cases_open bigint,
    OUT cases_overdue bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
    SELECT n.unsent, n.oldest_at, c.open, c.overdue
    FROM (SELECT count(*) AS unsent, min(written_at) AS oldest_at FROM notice WHERE sent_at IS NULL) n,
         (SELECT count(*) AS open, count(*) FILTER (WHERE due_at <= now()) AS overdue
          FROM human_case WHERE closed_at IS NULL) c
$$;
REVOKE ALL ON FUNCTION desk_backlog() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk_backlog() TO callout_work, callout_serve;
