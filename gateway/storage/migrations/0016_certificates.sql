-- Certificates of devices: what the desk's own authority has signed, and what it has taken back. Never a private key.
-- The broker is told of none: it knows the authority, and the list of those that were taken back and have not ended.

CREATE TABLE device_certificate (
    certificate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id int NOT NULL REFERENCES device,
    -- Hexadecimal; random and of 159 bits.
    serial text NOT NULL CONSTRAINT certificate_serial_is_used_once UNIQUE,
    -- SHA-256 of the authority's certificate, of this one, and of its public key.
    authority_fingerprint bytea NOT NULL,
    fingerprint bytea NOT NULL,
    key_fingerprint bytea NOT NULL,
    -- As it was handed out (DER), so that a device that has lost the answer is given the same one again.
    certificate bytea NOT NULL,
    issued_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_because text CONSTRAINT why_a_certificate_was_revoked_is_known
        CHECK (revoked_because IN ('revoked', 'reissued', 'superseded', 'retired')),
    -- How often the broker was made to drop connections that may rest on it, when it counts no longer: three times.
    times_put_out smallint NOT NULL DEFAULT 0,
    CONSTRAINT certificate_ends_after_its_issue CHECK (ends_at > issued_at),
    CONSTRAINT revoked_certificate_says_why CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
CREATE INDEX certificate_by_device ON device_certificate (device_id, issued_at DESC);
CREATE INDEX certificate_on_the_revocation_list ON device_certificate (ends_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificate_to_put_out ON device_certificate (certificate_id)
    WHERE revoked_at IS NOT NULL AND times_put_out < 3;
CREATE INDEX certificate_by_end ON device_certificate (ends_at) WHERE revoked_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON device_certificate TO callout_serve;

ALTER TABLE device_certificate ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_devices_only ON device_certificate TO callout_serve
    USING (EXISTS (SELECT FROM device d WHERE d.device_id = device_certificate.device_id))
    WITH CHECK (EXISTS (SELECT FROM device d WHERE d.device_id = device_certificate.device_id));

-- A new one needs no word to the broker; one that was taken back does, on the channel where passwords are told.
CREATE TRIGGER device_certificate_revoked
    AFTER UPDATE OF revoked_at ON device_certificate
    FOR EACH STATEMENT EXECUTE FUNCTION tell_device_credential();

ALTER TABLE desk_alarm DROP CONSTRAINT alarm_kind_is_known;
ALTER TABLE desk_alarm ADD CONSTRAINT alarm_kind_is_known CHECK (kind IN ('queue_fills', 'queue_drops', 'database_away',
    'ingest_behind', 'ingest_silent', 'work_silent', 'jobs_old', 'disk_full', 'list_old'));
