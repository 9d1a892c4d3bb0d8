-- What a request may also be while it is open: healed from afar, looked at by its owner, or waiting for his yes to a
-- price; and one more end: it is solved.
ALTER TABLE service_request DROP CONSTRAINT request_state_is_known;
ALTER TABLE service_request ADD CONSTRAINT request_state_is_known CHECK (
    state IN ('open', 'held', 'remedying', 'asking', 'quoted', 'waiting', 'offered', 'confirmed', 'solved', 'cancelled'));
