-- Several ingest processes share the partitions by ranges. A range has one session at the broker and one owner at a
-- time; its epoch grows with each owner, so that one who was away too long and does not know it can write nothing.

-- Who takes part, by the database's clock alone. A process also holds the advisory lock of its number for as long as
-- its connection lives: so one that was killed is known to be gone at once, and one that only stopped when it expires.
CREATE TABLE ingest_process (
    process_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    pid int NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE ingest_lease (
    first_partition smallint PRIMARY KEY,
    last_partition smallint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    owner int REFERENCES ingest_process ON DELETE SET NULL,
    taken_at timestamptz,
    CONSTRAINT range_lies_within_the_partitions CHECK (0 <= first_partition AND first_partition <= last_partition
        AND last_partition <= 63),
    CONSTRAINT partition_is_in_one_range EXCLUDE USING gist (int4range(first_partition, last_partition, '[]') WITH &&)
);
-- Every batch locks the row of its range, and few rows change: they stay on one page.
ALTER TABLE ingest_lease SET (fillfactor = 50);
CREATE INDEX ingest_lease_by_owner ON ingest_lease (owner);
-- Until now one session had all partitions.
INSERT INTO ingest_lease (first_partition, last_partition) VALUES (0, 63);

-- Into how many ranges the partitions are to be divided: what the process that was started last was told.
CREATE TABLE ingest_division (
    is_only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_division CHECK (is_only_row),
    ranges smallint NOT NULL CONSTRAINT partitions_divide_evenly CHECK (ranges IN (1, 2, 4, 8, 16, 32, 64))
);
INSERT INTO ingest_division (ranges) VALUES (1);

GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_process, ingest_lease TO callout_ingest;
GRANT SELECT, UPDATE ON ingest_division TO callout_ingest;
GRANT SELECT ON ingest_process, ingest_lease, ingest_division TO callout_work, callout_serve;
