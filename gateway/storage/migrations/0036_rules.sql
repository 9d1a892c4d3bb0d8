-- Acts that need nobody's leave stand on a rule, which is named in place of the desk: a danger is told whatever was signed,
-- and prices and deposits follow from what a tenant has set and an owner has said yes to. Each rule does its own acts alone.

ALTER TABLE audit_record
    DROP CONSTRAINT actor_is_the_desk_or_a_person,
    ADD CONSTRAINT actor_is_the_desk_a_rule_or_a_person
        CHECK (actor ~ '^(desk|rule-(safety|price|deposit)|(staff|owner)-[0-9]+)$'),
    ADD CONSTRAINT a_rule_does_its_own_acts_alone CHECK (
        CASE actor
            WHEN 'rule-safety' THEN act = 'device_warned'
            WHEN 'rule-price' THEN act IN ('priced', 'price_withdrawn', 'quote_expired')
            WHEN 'rule-deposit' THEN act IN ('deposit_wanted', 'deposit_asked', 'deposit_reserved', 'deposit_paid',
                'deposit_unwanted', 'deposit_refunding', 'deposit_returned', 'deposit_counted', 'deposit_failed',
                'deposit_void')
            ELSE true
        END);

-- A roll-out may be for the devices of one incident alone.
ALTER TABLE rollout ADD COLUMN incident_id bigint REFERENCES incident;

-- A planner who undoes a remedy calls its command off at once, from his page.
GRANT UPDATE ON remedy_attempt TO callout_serve;
GRANT UPDATE (expires_at) ON device_command TO callout_serve;
