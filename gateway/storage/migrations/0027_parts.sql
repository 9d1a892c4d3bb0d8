-- Parts: what they are called and what replaces them, where they lie, on which way they come, and to whom each is promised.
-- Every change of a stock is a movement that is appended; what lies there is the sum of the movements, kept here.

ALTER TABLE service_centre ADD CONSTRAINT service_centre_is_its_tenants UNIQUE (tenant_id, centre_id);

-- ---------------------------------------------------------------- the catalogue

ALTER TABLE part
    ADD COLUMN price_minor bigint,
    ADD COLUMN price_currency text,
    ADD CONSTRAINT price_is_an_amount_of_a_currency CHECK (
        (price_minor IS NULL) = (price_currency IS NULL) AND price_minor >= 0 AND price_currency ~ '^[A-Z]{3}$');

-- From a day on a part is replaced by another one; what is left of it is used up first.
CREATE TABLE part_supersession (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    part_no text NOT NULL,
    successor_no text NOT NULL,
    from_on date NOT NULL,
    CONSTRAINT part_has_one_successor PRIMARY KEY (tenant_id, part_no),
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    FOREIGN KEY (tenant_id, successor_no) REFERENCES part (tenant_id, part_no)
);

CREATE FUNCTION refuse_circles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    -- One at a time for a tenant: two halves of a circle must not pass each other.
    PERFORM pg_advisory_xact_lock(hashtext('callout.part_supersession'), NEW.tenant_id);
    IF EXISTS (
        WITH RECURSIVE chain (part_no) AS (
            SELECT NEW.successor_no
            UNION
            SELECT s.successor_no FROM chain c
            JOIN part_supersession s ON s.tenant_id = NEW.tenant_id AND s.part_no = c.part_no)
        SELECT FROM chain WHERE part_no = NEW.part_no) THEN
        RAISE EXCEPTION 'part % would replace itself by way of %', NEW.part_no, NEW.successor_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'no_part_replaces_itself';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER no_part_replaces_itself
    AFTER INSERT OR UPDATE ON part_supersession
    FOR EACH ROW EXECUTE FUNCTION refuse_circles();

-- For which devices a row is good: '' and no array mean any; ranges hold both of their ends.
CREATE TABLE part_substitute (
    substitute_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    part_no text NOT NULL,
    -- Stands in for it; never the other way round by this row.
    stand_in_no text NOT NULL,
    product text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    serial_from text NOT NULL DEFAULT '',
    serial_to text NOT NULL DEFAULT '',
    firmware_from text NOT NULL DEFAULT '',
    firmware_to text NOT NULL DEFAULT '',
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    FOREIGN KEY (tenant_id, stand_in_no) REFERENCES part (tenant_id, part_no),
    CONSTRAINT part_does_not_stand_in_for_itself CHECK (part_no <> stand_in_no),
    CONSTRAINT substitute_is_named_once
        UNIQUE (tenant_id, part_no, stand_in_no, product, model, serial_from, serial_to, firmware_from, firmware_to)
);

-- Which part a remedy's part is on a certain device.
CREATE TABLE bill_of_material (
    bom_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    role text NOT NULL,
    part_no text NOT NULL,
    product text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    serial_from text NOT NULL DEFAULT '',
    serial_to text NOT NULL DEFAULT '',
    firmware_from text NOT NULL DEFAULT '',
    firmware_to text NOT NULL DEFAULT '',
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    CONSTRAINT device_range_is_named_once
        UNIQUE (tenant_id, role, product, model, serial_from, serial_to, firmware_from, firmware_to)
);

CREATE TABLE supplier (
    supplier_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    name text NOT NULL,
    title text NOT NULL,
    -- Where orders go; its secret is a setting and is never stored here.
    url text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    -- Orders after this hour count from the next working day on.
    cut_off time NOT NULL DEFAULT '15:00',
    takes_back boolean NOT NULL DEFAULT true,
    CONSTRAINT supplier_name_is_free UNIQUE (tenant_id, name),
    CONSTRAINT supplier_is_its_tenants UNIQUE (tenant_id, supplier_id)
);

CREATE TABLE part_supply (
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    supplier_id int NOT NULL,
    part_no text NOT NULL,
    lead_days int NOT NULL CONSTRAINT lead_time_is_some_working_days CHECK (lead_days BETWEEN 0 AND 365),
    price_minor bigint,
    price_currency text,
    PRIMARY KEY (supplier_id, part_no),
    FOREIGN KEY (tenant_id, supplier_id) REFERENCES supplier (tenant_id, supplier_id),
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    CONSTRAINT supply_price_is_an_amount_of_a_currency CHECK (
        (price_minor IS NULL) = (price_currency IS NULL) AND price_minor >= 0 AND price_currency ~ '^[A-Z]{3}$')
);

-- What ways and waits cost the desk; a tenant without a row counts none of it.
CREATE TABLE parts_tariff (
    tenant_id int PRIMARY KEY DEFAULT current_tenant() REFERENCES tenant,
    currency text NOT NULL CONSTRAINT tariff_has_a_currency CHECK (currency ~ '^[A-Z]{3}$'),
    -- One day's way between two centres.
    transfer_minor bigint NOT NULL CHECK (transfer_minor >= 0),
    second_visit_minor bigint NOT NULL CHECK (second_visit_minor >= 0),
    -- What it costs to carry a part along and back, in thousandths of its price.
    carrying_per_mille int NOT NULL CHECK (carrying_per_mille BETWEEN 0 AND 1000)
);

-- ---------------------------------------------------------------- what is on its way

CREATE TABLE inbound (
    inbound_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    kind text NOT NULL CONSTRAINT inbound_kind_is_known CHECK (kind IN ('transfer', 'order')),
    centre_id int NOT NULL,
    from_centre_id int,
    supplier_id int,
    part_no text NOT NULL,
    quantity int NOT NULL CONSTRAINT something_is_on_its_way CHECK (quantity > 0),
    -- Living reservations on it: their sum, kept by the database.
    promised int NOT NULL DEFAULT 0,
    -- 'planned' is ordered when its owner says yes; from 'asked' on the supplier is told.
    state text NOT NULL CONSTRAINT inbound_state_is_known CHECK (
        state IN ('planned', 'asked', 'confirmed', 'shipped', 'arrived', 'rejected', 'cancelled', 'lost')),
    expected_at timestamptz NOT NULL,
    placed_at timestamptz NOT NULL,
    asked_at timestamptz,
    ended_at timestamptz,
    -- The supplier is known to have the order from here on; its own name for it.
    taken_at timestamptz,
    supplier_ref text,
    cancel_asked_at timestamptz,
    attempts int NOT NULL DEFAULT 0,
    try_at timestamptz,
    last_error text,
    warned_at timestamptz,
    FOREIGN KEY (tenant_id, centre_id) REFERENCES service_centre (tenant_id, centre_id),
    FOREIGN KEY (tenant_id, from_centre_id) REFERENCES service_centre (tenant_id, centre_id),
    FOREIGN KEY (tenant_id, supplier_id) REFERENCES supplier (tenant_id, supplier_id),
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    CONSTRAINT inbound_comes_from_a_centre_or_a_supplier CHECK (
        (kind = 'transfer') = (from_centre_id IS NOT NULL) AND (kind = 'order') = (supplier_id IS NOT NULL)
        AND from_centre_id IS DISTINCT FROM centre_id),
    CONSTRAINT inbound_ends_once CHECK (
        (ended_at IS NOT NULL) = (state IN ('arrived', 'rejected', 'cancelled', 'lost'))),
    CONSTRAINT no_delivery_is_promised_twice CHECK (
        promised BETWEEN 0 AND CASE WHEN ended_at IS NULL THEN quantity ELSE 0 END)
);
CREATE INDEX inbound_living ON inbound (tenant_id, expected_at) WHERE ended_at IS NULL;
CREATE INDEX inbound_newest_first ON inbound (tenant_id, inbound_id DESC);
CREATE INDEX inbound_to_send ON inbound (try_at) WHERE ended_at IS NULL AND kind = 'order' AND try_at IS NOT NULL;

-- What suppliers told us, by the identity of the message: a second one of the same is no news.
CREATE TABLE supplier_message (
    supplier_id int NOT NULL,
    message_id text NOT NULL,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    inbound_id bigint REFERENCES inbound,
    received_at timestamptz NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (supplier_id, message_id),
    FOREIGN KEY (tenant_id, supplier_id) REFERENCES supplier (tenant_id, supplier_id)
);
CREATE INDEX supplier_message_by_order ON supplier_message (inbound_id, received_at);

-- ---------------------------------------------------------------- the ledger

ALTER TABLE stock_level
    ADD COLUMN on_order int NOT NULL DEFAULT 0 CONSTRAINT orders_are_never_negative CHECK (on_order >= 0),
    -- Promised of what is on order; `allocated` is what is promised of what lies there.
    ADD COLUMN awaited int NOT NULL DEFAULT 0,
    ADD CONSTRAINT no_order_is_promised_twice CHECK (awaited BETWEEN 0 AND on_order);

ALTER TABLE reservation
    -- The part that the remedy names; `part_no` is the one that is put aside for it.
    ADD COLUMN role text NOT NULL DEFAULT '',
    -- It is promised of this delivery; without one it lies there.
    ADD COLUMN inbound_id bigint REFERENCES inbound,
    -- When it is there; nothing for what lay there from the first.
    ADD COLUMN expected_at timestamptz,
    ADD COLUMN issued_at timestamptz,
    ADD CONSTRAINT used_part_is_released_with_its_use CHECK (issued_at IS NULL OR issued_at = released_at),
    ADD CONSTRAINT part_is_used_when_it_is_there CHECK (issued_at IS NULL OR inbound_id IS NULL);
UPDATE reservation SET role = part_no;
DROP INDEX part_is_reserved_once_per_request;
CREATE UNIQUE INDEX part_is_reserved_once_per_request ON reservation (request_id, (coalesce(nullif(role, ''), part_no)))
    WHERE released_at IS NULL;
CREATE INDEX reservation_by_inbound ON reservation (inbound_id) WHERE released_at IS NULL;
CREATE INDEX reservation_by_level ON reservation (centre_id, part_no) WHERE released_at IS NULL;

CREATE TABLE stock_movement (
    movement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    centre_id int NOT NULL,
    part_no text NOT NULL,
    kind text NOT NULL CONSTRAINT movement_kind_is_known CHECK (kind IN (
        'receipt', 'issue', 'order', 'order_end', 'transfer_out', 'transfer_in', 'allocate', 'release', 'adjust')),
    -- What the movement adds to each of the four counts.
    on_hand int NOT NULL DEFAULT 0,
    on_order int NOT NULL DEFAULT 0,
    allocated int NOT NULL DEFAULT 0,
    awaited int NOT NULL DEFAULT 0,
    moved_at timestamptz NOT NULL DEFAULT now(),
    reservation_id bigint REFERENCES reservation,
    inbound_id bigint REFERENCES inbound,
    staff_id int REFERENCES staff,
    reason text NOT NULL DEFAULT '',
    FOREIGN KEY (tenant_id, centre_id) REFERENCES service_centre (tenant_id, centre_id),
    FOREIGN KEY (tenant_id, part_no) REFERENCES part,
    CONSTRAINT movement_moves_something CHECK (num_nonnulls(
        nullif(on_hand, 0), nullif(on_order, 0), nullif(allocated, 0), nullif(awaited, 0)) > 0),
    CONSTRAINT movement_moves_what_its_kind_says CHECK (CASE kind
        WHEN 'receipt' THEN on_hand > 0 AND on_order IN (0, -on_hand) AND allocated BETWEEN 0 AND -on_order
            AND awaited = -allocated
        WHEN 'transfer_in' THEN on_hand > 0 AND on_order = -on_hand AND allocated BETWEEN 0 AND on_hand
            AND awaited = -allocated
        WHEN 'transfer_out' THEN on_hand < 0 AND on_order = 0 AND allocated = 0 AND awaited = 0
        WHEN 'order' THEN on_order > 0 AND on_hand = 0 AND allocated = 0 AND awaited = 0
        WHEN 'order_end' THEN on_order < 0 AND on_hand = 0 AND allocated = 0 AND awaited = 0
        WHEN 'allocate' THEN on_hand = 0 AND on_order = 0 AND allocated >= 0 AND awaited >= 0
        WHEN 'release' THEN on_hand = 0 AND on_order = 0 AND allocated <= 0 AND awaited <= 0
        WHEN 'issue' THEN on_hand < 0 AND allocated = on_hand AND on_order = 0 AND awaited = 0
        WHEN 'adjust' THEN on_hand <> 0 AND on_order = 0 AND allocated = 0 AND awaited = 0 END),
    CONSTRAINT adjustment_has_a_reason_and_a_name CHECK (kind <> 'adjust' OR (reason <> '' AND staff_id IS NOT NULL))
);
CREATE INDEX stock_movement_newest_first ON stock_movement (centre_id, part_no, movement_id DESC);

-- What is there already has moved in before the ledger began.
INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, reason)
    SELECT tenant_id, centre_id, part_no, 'receipt', on_hand, 'opening count' FROM stock_level WHERE on_hand > 0;
INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, allocated, reservation_id)
    SELECT tenant_id, centre_id, part_no, 'allocate', quantity, reservation_id FROM reservation WHERE released_at IS NULL;

CREATE FUNCTION keep_level() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    UPDATE stock_level SET on_hand = on_hand + NEW.on_hand, on_order = on_order + NEW.on_order,
        allocated = allocated + NEW.allocated, awaited = awaited + NEW.awaited
    WHERE centre_id = NEW.centre_id AND part_no = NEW.part_no;
    IF NOT FOUND THEN
        INSERT INTO stock_level (tenant_id, centre_id, part_no, on_hand, on_order, allocated, awaited)
        VALUES (NEW.tenant_id, NEW.centre_id, NEW.part_no, NEW.on_hand, NEW.on_order, NEW.allocated, NEW.awaited)
        ON CONFLICT (centre_id, part_no) DO UPDATE SET on_hand = stock_level.on_hand + EXCLUDED.on_hand,
            on_order = stock_level.on_order + EXCLUDED.on_order,
            allocated = stock_level.allocated + EXCLUDED.allocated,
            awaited = stock_level.awaited + EXCLUDED.awaited;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER movement_keeps_level AFTER INSERT ON stock_movement FOR EACH ROW EXECUTE FUNCTION keep_level();

-- Nobody writes a level but the trigger above, and nobody changes what was written into the ledger.
CREATE FUNCTION refuse_levels_without_movement() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a stock changes by movements alone: insert a row into stock_movement'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_is_the_sum_of_its_movements';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER stock_is_the_sum_of_its_movements
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON stock_level
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_levels_without_movement();

CREATE FUNCTION refuse_changed_movements() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a movement of stock is appended and never changed: write another one that puts it right'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'movements_are_appended_only';
END
$$;
CREATE TRIGGER movements_are_appended_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_changed_movements();

-- ---------------------------------------------------------------- a reservation moves what it promises

DROP TRIGGER reservation_keeps_allocated ON reservation;
DROP FUNCTION keep_allocated();
-- Its level is made by its first movement, which comes after the row itself.
ALTER TABLE reservation DROP CONSTRAINT reservation_centre_id_part_no_fkey,
    ADD FOREIGN KEY (tenant_id, centre_id) REFERENCES service_centre (tenant_id, centre_id),
    ADD FOREIGN KEY (tenant_id, part_no) REFERENCES part;

CREATE FUNCTION move_reservation(r reservation, what text, sign int) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
    INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, allocated, awaited, moved_at,
        reservation_id, inbound_id)
    VALUES (r.tenant_id, r.centre_id, r.part_no, what,
        CASE WHEN what = 'issue' THEN -r.quantity ELSE 0 END,
        CASE WHEN r.inbound_id IS NULL THEN sign * r.quantity ELSE 0 END,
        CASE WHEN r.inbound_id IS NULL THEN 0 ELSE sign * r.quantity END,
        coalesce(r.issued_at, r.released_at, r.reserved_at), r.reservation_id, r.inbound_id);
    UPDATE inbound SET promised = promised + sign * r.quantity WHERE inbound_id = r.inbound_id;
$$;
REVOKE ALL ON FUNCTION move_reservation(reservation, text, int) FROM PUBLIC;

CREATE FUNCTION keep_reservation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.released_at IS NULL THEN
            PERFORM move_reservation(NEW, 'allocate', 1);
        END IF;
    ELSIF OLD.released_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'reservation % has ended: it is released once and never changed afterwards', OLD.reservation_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reservation_is_released_once';
    ELSIF (OLD.centre_id, OLD.part_no, OLD.quantity, OLD.request_id) IS DISTINCT FROM
        (NEW.centre_id, NEW.part_no, NEW.quantity, NEW.request_id)
        OR (NEW.inbound_id IS DISTINCT FROM OLD.inbound_id AND NEW.inbound_id IS NOT NULL) THEN
        RAISE EXCEPTION 'reservation % is not rewritten: release it and make another one', OLD.reservation_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reservation_is_not_rewritten';
    ELSIF OLD.inbound_id IS NOT NULL AND NEW.inbound_id IS NULL THEN
        -- The delivery's own movement has taken its promises along.
        IF NOT EXISTS (SELECT FROM inbound WHERE inbound_id = OLD.inbound_id AND state = 'arrived') THEN
            RAISE EXCEPTION 'delivery % has not arrived: reservation % waits for it', OLD.inbound_id, OLD.reservation_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'part_is_there_when_its_delivery_has_arrived';
        END IF;
    ELSIF NEW.issued_at IS NOT NULL THEN
        PERFORM move_reservation(NEW, 'issue', -1);
    ELSIF NEW.released_at IS NOT NULL THEN
        PERFORM move_reservation(NEW, 'release', -1);
        -- Nobody waits for it, and its supplier was not told yet: it is not ordered at all.
        UPDATE inbound SET state = 'cancelled', ended_at = NEW.released_at
        WHERE inbound_id = NEW.inbound_id AND state = 'planned' AND promised = 0;
        -- Else he is asked to take it back, as soon as orders are looked after again.
        UPDATE inbound SET try_at = NEW.released_at
        WHERE inbound_id = NEW.inbound_id AND state IN ('asked', 'confirmed') AND promised = 0 AND kind = 'order';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER reservation_moves_stock AFTER INSERT OR UPDATE ON reservation
    FOR EACH ROW EXECUTE FUNCTION keep_reservation();

CREATE FUNCTION refuse_to_forget() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are ended, never deleted', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'promises_of_parts_are_ended_not_deleted';
END
$$;
CREATE TRIGGER promises_of_parts_are_ended_not_deleted BEFORE DELETE OR TRUNCATE ON reservation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_forget();
CREATE TRIGGER promises_of_parts_are_ended_not_deleted BEFORE DELETE OR TRUNCATE ON inbound
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_forget();

-- ---------------------------------------------------------------- what is on its way moves stock at both of its ends

CREATE FUNCTION keep_inbound() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    settled int;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.kind = 'transfer' THEN
            INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, moved_at, inbound_id)
            VALUES (NEW.tenant_id, NEW.from_centre_id, NEW.part_no, 'transfer_out', -NEW.quantity, NEW.placed_at,
                NEW.inbound_id);
        END IF;
        INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_order, moved_at, inbound_id)
        VALUES (NEW.tenant_id, NEW.centre_id, NEW.part_no, 'order', NEW.quantity, NEW.placed_at, NEW.inbound_id);
        RETURN NULL;
    END IF;
    IF OLD.ended_at IS NOT NULL AND (OLD.state, OLD.ended_at, OLD.promised) IS DISTINCT FROM
        (NEW.state, NEW.ended_at, NEW.promised)
        OR (OLD.kind, OLD.centre_id, OLD.part_no, OLD.quantity) IS DISTINCT FROM
        (NEW.kind, NEW.centre_id, NEW.part_no, NEW.quantity) THEN
        RAISE EXCEPTION 'delivery % is not rewritten: it ends once, and another one is made', OLD.inbound_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_is_not_rewritten';
    END IF;
    IF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL THEN
        settled := CASE WHEN NEW.state = 'arrived' THEN OLD.promised ELSE 0 END;
        INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, on_order, allocated, awaited, moved_at,
            inbound_id)
        SELECT NEW.tenant_id, NEW.centre_id, NEW.part_no,
            CASE WHEN NEW.state <> 'arrived' THEN 'order_end' WHEN NEW.kind = 'transfer' THEN 'transfer_in' ELSE 'receipt' END,
            CASE WHEN NEW.state = 'arrived' THEN NEW.quantity ELSE 0 END, -NEW.quantity, settled, -settled,
            NEW.ended_at, NEW.inbound_id;
        UPDATE reservation SET inbound_id = NULL, expected_at = least(expected_at, NEW.ended_at)
        WHERE inbound_id = NEW.inbound_id AND released_at IS NULL;
    ELSIF NEW.expected_at IS DISTINCT FROM OLD.expected_at THEN
        UPDATE reservation SET expected_at = NEW.expected_at
        WHERE inbound_id = NEW.inbound_id AND released_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER inbound_moves_stock AFTER INSERT OR UPDATE ON inbound FOR EACH ROW EXECUTE FUNCTION keep_inbound();

-- What has come is no longer promised of the delivery, but of what lies there.
CREATE FUNCTION guard_promises_of_inbound() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.promised <> OLD.promised AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'what is promised of delivery % are its reservations: make or release one', OLD.inbound_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promised_is_the_sum_of_reservations';
    END IF;
    IF NEW.state = 'arrived' THEN
        NEW.promised := 0;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER promised_is_the_sum_of_reservations BEFORE UPDATE ON inbound
    FOR EACH ROW EXECUTE FUNCTION guard_promises_of_inbound();

-- ---------------------------------------------------------------- no date before its part

CREATE FUNCTION refuse_dates_before_parts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
DECLARE
    late record;
BEGIN
    SELECT v.part_no, v.expected_at, lower(k.during) AS begins_at INTO late
    FROM appointment a JOIN booking k USING (booking_id) JOIN reservation v ON v.request_id = a.request_id
    WHERE a.request_id = NEW.request_id AND a.state = 'confirmed'
        AND v.released_at IS NULL AND v.expected_at > lower(k.during)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'request %: part % comes at %, but its date begins at %',
            NEW.request_id, late.part_no, late.expected_at, late.begins_at
            USING ERRCODE = 'check_violation', CONSTRAINT = 'no_date_begins_before_its_part';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER no_date_begins_before_its_part AFTER INSERT OR UPDATE ON appointment
    FOR EACH ROW EXECUTE FUNCTION refuse_dates_before_parts();
-- A delivery that is late is put right within the transaction that learns of it.
CREATE CONSTRAINT TRIGGER no_date_begins_before_its_part AFTER INSERT OR UPDATE ON reservation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_dates_before_parts();

ALTER TABLE appointment ADD COLUMN completed_at timestamptz,
    ADD CONSTRAINT completed_appointment_says_when CHECK ((state = 'completed') = (completed_at IS NOT NULL));

-- A reservation lives as long as its appointment: with the work done the part is used, with the request closed it is free.
CREATE FUNCTION end_reservations_of_appointment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    IF NEW.state = 'completed' AND OLD.state <> 'completed' THEN
        UPDATE reservation SET issued_at = NEW.completed_at, released_at = NEW.completed_at
        WHERE request_id = NEW.request_id AND released_at IS NULL AND inbound_id IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER work_done_uses_its_parts AFTER UPDATE OF state ON appointment
    FOR EACH ROW EXECUTE FUNCTION end_reservations_of_appointment();

CREATE FUNCTION end_reservations_of_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    IF NEW.closed_at IS NOT NULL AND OLD.closed_at IS NULL THEN
        WITH freed AS (
            UPDATE reservation SET released_at = NEW.closed_at WHERE request_id = NEW.request_id AND released_at IS NULL
            RETURNING part_no)
        INSERT INTO request_event (tenant_id, request_id, happened_at, actor, event, detail)
        SELECT NEW.tenant_id, NEW.request_id, NEW.closed_at, 'desk', 'part_released',
            jsonb_build_object('parts', jsonb_agg(part_no ORDER BY part_no))
        FROM freed HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER closed_request_holds_no_part AFTER UPDATE OF closed_at ON service_request
    FOR EACH ROW EXECUTE FUNCTION end_reservations_of_request();

-- ---------------------------------------------------------------- rights

REVOKE INSERT, UPDATE ON stock_level FROM callout_work, callout_serve;
-- Who counts keeps others from promising meanwhile; a lock on a row asks for the right to write one of its columns.
GRANT UPDATE (tenant_id) ON stock_level TO callout_work, callout_serve;
GRANT SELECT ON part_supersession, part_substitute, bill_of_material, supplier, part_supply, parts_tariff
    TO callout_work, callout_serve;
GRANT SELECT, INSERT, UPDATE ON inbound TO callout_work, callout_serve;
GRANT SELECT, INSERT ON stock_movement, supplier_message TO callout_work, callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['part_supersession', 'part_substitute', 'bill_of_material', 'supplier',
        'part_supply', 'parts_tariff', 'inbound', 'supplier_message', 'stock_movement'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['part_supersession', 'part_substitute', 'bill_of_material', 'supplier',
        'part_supply', 'parts_tariff', 'inbound', 'supplier_message'] LOOP
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
CREATE POLICY own_tenant_only ON stock_movement FOR SELECT TO callout_work, callout_serve
    USING (tenant_id = current_tenant());
-- All other movements follow from reservations and deliveries.
CREATE POLICY people_receive_and_adjust ON stock_movement FOR INSERT TO callout_work, callout_serve
    WITH CHECK (tenant_id = current_tenant() AND kind IN ('receipt', 'adjust') AND on_order = 0);
