-- A technician sees his own visits behind a link of his own, says what was found, and is named for it.

ALTER TABLE access_token
    ADD COLUMN technician_id int REFERENCES technician,
    DROP CONSTRAINT token_purpose_is_known,
    DROP CONSTRAINT token_opens_one_thing,
    ADD CONSTRAINT token_purpose_is_known CHECK (purpose IN ('owner_request', 'planner_login', 'planner_session',
        'owner_device', 'repairer', 'technician', 'technician_calendar')),
    ADD CONSTRAINT token_opens_one_thing
        CHECK (num_nonnulls(request_id, staff_id, device_id, share_id, technician_id) = 1);
CREATE INDEX access_token_by_technician ON access_token (technician_id) WHERE technician_id IS NOT NULL;

ALTER TABLE audit_record
    DROP CONSTRAINT actor_is_the_desk_a_rule_or_a_person,
    ADD CONSTRAINT actor_is_the_desk_a_rule_or_a_person
        CHECK (actor ~ '^(desk|rule-(safety|price|deposit)|(staff|owner|technician)-[0-9]+)$');

-- Also what is done and over stands on his day.
CREATE INDEX booking_by_technician ON booking (technician_id, lower(during)) WHERE technician_id IS NOT NULL;
