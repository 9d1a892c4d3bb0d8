-- Up to which ingest number all is written that readings say beside their values: numbers, signs of life, hours that are
-- due. What comes after it is said again by the readings when a worker begins.

ALTER TABLE ingest_partition ADD COLUMN settled_ingest_no bigint NOT NULL DEFAULT 0;
-- Until now all of it was written with its batch.
UPDATE ingest_partition SET settled_ingest_no = last_ingest_no;
ALTER TABLE ingest_partition ADD CONSTRAINT settled_is_what_was_taken CHECK (settled_ingest_no <= last_ingest_no);
