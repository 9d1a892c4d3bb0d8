-- Decisions about a region have receipts, too: that many devices fell silent together, and are one incident of a person.

ALTER TABLE decision_receipt
    ALTER COLUMN device_id DROP NOT NULL,
    ADD COLUMN incident_id bigint REFERENCES incident,
    ADD CONSTRAINT decision_is_about_a_device_or_an_incident CHECK ((device_id IS NULL) <> (incident_id IS NULL)),
    DROP CONSTRAINT outcome_of_a_decision_is_known,
    ADD CONSTRAINT outcome_of_a_decision_is_known
        CHECK (outcome IN ('request', 'case', 'safety_case', 'amended', 'released', 'nothing', 'incident', 'joined')),
    DROP CONSTRAINT only_nothing_is_decided_without_a_diagnosis,
    ADD CONSTRAINT a_device_is_decided_about_by_a_diagnosis
        CHECK (incident_id IS NOT NULL OR (diagnosis_id IS NULL) = (outcome = 'nothing')),
    ADD CONSTRAINT an_incident_is_opened_or_joined
        CHECK ((incident_id IS NOT NULL) = (outcome IN ('incident', 'joined')));
CREATE INDEX decision_of_incident ON decision_receipt (incident_id, decision_id DESC) WHERE incident_id IS NOT NULL;
