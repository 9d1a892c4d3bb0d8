-- From where the score of a device can be recomputed: what was remembered before (null: nothing), the readings from
-- begins_at (null: the first) to scored_at, and the last ingest number of its partition that there was when it was said.
-- A score keeps the state itself, and is soon forgotten; what passed a cycle cites the state by its hash, for good.
ALTER TABLE device_score
    ADD COLUMN scored_at timestamptz,
    ADD COLUMN begins_at timestamptz,
    ADD COLUMN state bytea,
    ADD COLUMN last_ingest_no bigint;

ALTER TABLE cycle_finding
    ADD COLUMN state_sha256 bytea REFERENCES kept_content,
    ADD COLUMN begins_at timestamptz,
    ADD COLUMN scored_at timestamptz,
    ADD COLUMN last_ingest_no bigint;

-- Scores copy what the detectors' anchors hold.
GRANT SELECT ON detector_anchor, ingest_partition TO callout_ingest;

-- How a cycle's scores were distributed, for a page that does not grow with the fleet: which score was exceeded by each of
-- a few fixed shares of the devices; fewer where there are fewer devices.
ALTER TABLE reporting_cycle ADD COLUMN exceeded double precision[];
