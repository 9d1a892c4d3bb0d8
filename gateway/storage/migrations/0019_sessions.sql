-- Whose messages wait where: every session at the broker that a range of partitions may have, from before it is made until
-- nothing waits in it any more. A division that was given up half-way leaves sessions of ranges that no lease names, and
-- what came to them in the meantime: whoever divides next, or the same division again, empties all that stand here.
CREATE TABLE ingest_session (
    first_partition smallint NOT NULL,
    last_partition smallint NOT NULL,
    PRIMARY KEY (first_partition, last_partition),
    CONSTRAINT session_lies_within_the_partitions CHECK (0 <= first_partition AND first_partition <= last_partition
        AND last_partition <= 63)
);
INSERT INTO ingest_session SELECT first_partition, last_partition FROM ingest_lease;

GRANT SELECT, INSERT, DELETE ON ingest_session TO callout_ingest;
GRANT SELECT ON ingest_session TO callout_work, callout_serve;
