-- The journey's loose ends: parts taken along in case they are needed, calls to others that are made outside of any
-- transaction, a limit to letters about earlier dates, and a reminder of a deposit.

-- Put aside because it may be needed, not because it is: it never keeps a date, and never costs one.
ALTER TABLE reservation ADD COLUMN is_extra boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT what_may_be_needed_lies_there CHECK (NOT is_extra OR inbound_id IS NULL);

-- A supplier is being asked until then, by somebody who holds no lock meanwhile; who dies at it is followed by another.
ALTER TABLE inbound ADD COLUMN calling_until timestamptz;

-- So often somebody was told of an earlier date since he asked for one.
ALTER TABLE earlier_wish ADD COLUMN letters int NOT NULL DEFAULT 0
    CONSTRAINT earlier_dates_are_written_of_a_few_times CHECK (letters BETWEEN 0 AND 3);

-- An owner is reminded once of a deposit that he has not paid.
ALTER TABLE deposit ADD COLUMN reminded_at timestamptz;

GRANT UPDATE (reminded_at) ON deposit TO callout_work;
