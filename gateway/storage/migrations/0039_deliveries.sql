-- What is promised of a delivery is of that delivery's part and centre; and pages know whether letters leave the desk.

-- Else a promise would wait at one centre for what arrives at another, and both counts would be wrong from then on.
ALTER TABLE inbound ADD CONSTRAINT delivery_is_of_one_part_to_one_centre UNIQUE (inbound_id, centre_id, part_no);
ALTER TABLE reservation
    DROP CONSTRAINT reservation_inbound_id_fkey,
    ADD CONSTRAINT part_is_promised_of_a_delivery_of_it_to_its_centre
        FOREIGN KEY (inbound_id, centre_id, part_no) REFERENCES inbound (inbound_id, centre_id, part_no);

-- Work says whether it has a mail server: pages may run where nobody tells them of it. Null for who sends no letters.
ALTER TABLE desk_process ADD COLUMN sends_letters boolean;
