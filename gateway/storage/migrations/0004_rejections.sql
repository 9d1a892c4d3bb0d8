-- Dead letters can be replayed. A replay is asked for by the desk and done by ingest, which alone writes readings and
-- holds the detectors; what was refused, and why, is never changed.

ALTER TABLE rejection
    ADD COLUMN replay_asked_at timestamptz,
    ADD COLUMN replayed_at timestamptz,
    -- stored: readings came in; absorbed: they were there already; refused: again, and why.
    ADD COLUMN outcome text CONSTRAINT replay_outcome_is_known CHECK (outcome IN ('stored', 'absorbed', 'refused')),
    ADD COLUMN outcome_detail text NOT NULL DEFAULT '',
    ADD CONSTRAINT replayed_rejection_has_an_outcome CHECK ((replayed_at IS NULL) = (outcome IS NULL));

CREATE INDEX rejection_by_reason ON rejection (tenant_id, reason, received_at DESC, rejection_id DESC);
CREATE INDEX rejection_to_replay ON rejection (rejection_id) WHERE replay_asked_at IS NOT NULL;

-- To ask is all that desk and pages may do, each for its own tenant by the policy that is there already.
GRANT SELECT ON rejection TO callout_work;
GRANT UPDATE (replay_asked_at) ON rejection TO callout_work, callout_serve;

-- The door reads what it kept, and writes down what became of it.
GRANT SELECT ON rejection TO callout_ingest;
GRANT UPDATE (replay_asked_at, replayed_at, outcome, outcome_detail) ON rejection TO callout_ingest;
CREATE POLICY door_reads_what_it_refused ON rejection FOR SELECT TO callout_ingest USING (true);
CREATE POLICY door_says_what_became_of_it ON rejection FOR UPDATE TO callout_ingest USING (true) WITH CHECK (true);
