-- Who pays for a repair: prices, warranties, contracts, goodwill; the quotes that owners say yes to, and deposits.

-- ---------------------------------------------------------------- prices

ALTER TABLE part
    ADD COLUMN IF NOT EXISTS price_minor bigint,
    ADD COLUMN IF NOT EXISTS price_currency text,
    ADD COLUMN IF NOT EXISTS is_special_order boolean NOT NULL DEFAULT false;
ALTER TABLE part
    ADD CONSTRAINT price_of_a_part_has_a_currency CHECK (num_nonnulls(price_minor, price_currency) IN (0, 2)),
    ADD CONSTRAINT price_of_a_part_is_not_negative CHECK (price_minor >= 0);

-- What a minute of labour and a call-out cost; an empty product or skill stands for any.
CREATE TABLE labour_rate (
    rate_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    product text NOT NULL DEFAULT '',
    skill text NOT NULL DEFAULT '',
    per_minute_minor bigint NOT NULL CONSTRAINT labour_costs_nothing_or_more CHECK (per_minute_minor >= 0),
    call_out_minor bigint NOT NULL DEFAULT 0 CONSTRAINT call_out_costs_nothing_or_more CHECK (call_out_minor >= 0),
    currency text NOT NULL,
    CONSTRAINT rate_is_set_once UNIQUE (tenant_id, product, skill)
);

-- From which amount on a deposit is taken, and which share it is; a tenant without a row takes none.
CREATE TABLE deposit_rule (
    tenant_id int PRIMARY KEY DEFAULT current_tenant() REFERENCES tenant,
    above_minor bigint,
    currency text,
    per_mille int NOT NULL CONSTRAINT deposit_is_a_share_of_the_price CHECK (per_mille BETWEEN 1 AND 1000),
    CONSTRAINT limit_of_deposits_has_a_currency CHECK (num_nonnulls(above_minor, currency) IN (0, 2))
);

-- ---------------------------------------------------------------- who else pays

-- What a maker pays; without components it is of the whole device. Both days are included.
CREATE TABLE warranty (
    warranty_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    name text NOT NULL,
    covers_parts boolean NOT NULL DEFAULT true,
    covers_labour boolean NOT NULL DEFAULT true,
    components text[] NOT NULL DEFAULT '{}',
    from_on date,
    until_on date NOT NULL,
    CONSTRAINT warranty_of_a_device_has_its_own_name UNIQUE (device_id, name),
    CONSTRAINT warranty_covers_something CHECK (covers_parts OR covers_labour),
    CONSTRAINT warranty_ends_after_it_began CHECK (until_on >= from_on)
);

INSERT INTO warranty (tenant_id, device_id, name, until_on)
    SELECT tenant_id, device_id, 'device', warranty_until FROM device WHERE warranty_until IS NOT NULL;

-- The day that a device is enrolled with is its warranty of everything.
CREATE FUNCTION keep_warranty() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    IF NEW.warranty_until IS NULL THEN
        DELETE FROM warranty WHERE device_id = NEW.device_id AND name = 'device';
    ELSE
        INSERT INTO warranty (tenant_id, device_id, name, until_on)
            VALUES (NEW.tenant_id, NEW.device_id, 'device', NEW.warranty_until)
            ON CONFLICT ON CONSTRAINT warranty_of_a_device_has_its_own_name DO UPDATE SET until_on = EXCLUDED.until_on;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER device_has_its_warranty_when_enrolled
    AFTER INSERT ON device FOR EACH ROW WHEN (NEW.warranty_until IS NOT NULL) EXECUTE FUNCTION keep_warranty();
CREATE TRIGGER device_has_its_warranty_when_changed
    AFTER UPDATE OF warranty_until ON device FOR EACH ROW
    WHEN (NEW.warranty_until IS DISTINCT FROM OLD.warranty_until) EXECUTE FUNCTION keep_warranty();

CREATE TABLE service_contract (
    contract_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    name text NOT NULL,
    parts_per_mille int NOT NULL CONSTRAINT contract_pays_a_share_of_parts CHECK (parts_per_mille BETWEEN 0 AND 1000),
    labour_per_mille int NOT NULL CONSTRAINT contract_pays_a_share_of_labour CHECK (labour_per_mille BETWEEN 0 AND 1000),
    components text[] NOT NULL DEFAULT '{}',
    visits_per_year int CONSTRAINT contract_has_no_fewer_than_no_visits CHECK (visits_per_year >= 0),
    from_on date NOT NULL,
    until_on date NOT NULL,
    CONSTRAINT contract_of_a_device_has_its_own_name UNIQUE (device_id, name),
    CONSTRAINT contract_ends_after_it_began CHECK (until_on >= from_on)
);

-- What a tenant pays by itself for a device whose warranty ended no more than so many months ago; '' is any product.
CREATE TABLE goodwill_rule (
    rule_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    product text NOT NULL DEFAULT '',
    months_after int NOT NULL CONSTRAINT goodwill_lasts_some_months CHECK (months_after BETWEEN 1 AND 600),
    parts_per_mille int NOT NULL CONSTRAINT goodwill_pays_a_share_of_parts CHECK (parts_per_mille BETWEEN 0 AND 1000),
    labour_per_mille int NOT NULL CONSTRAINT goodwill_pays_a_share_of_labour CHECK (labour_per_mille BETWEEN 0 AND 1000),
    CONSTRAINT goodwill_rule_is_set_once UNIQUE (tenant_id, product, months_after)
);

CREATE TABLE goodwill (
    goodwill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    staff_id int NOT NULL REFERENCES staff,
    per_mille int NOT NULL CONSTRAINT goodwill_is_a_share CHECK (per_mille BETWEEN 1 AND 1000),
    reason text NOT NULL CONSTRAINT goodwill_has_a_reason CHECK (reason <> ''),
    granted_at timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE UNIQUE INDEX one_living_goodwill_per_request ON goodwill (request_id) WHERE withdrawn_at IS NULL;

-- ---------------------------------------------------------------- quotes

-- What a repair costs and who pays it, as it was told. Amounts are never updated: another price is another quote.
CREATE TABLE quote (
    quote_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    fault text NOT NULL,
    onset_on date NOT NULL,
    currency text NOT NULL,
    gross_minor bigint NOT NULL,
    to_pay_minor bigint NOT NULL,
    deposit_minor bigint NOT NULL DEFAULT 0,
    -- [{"kind", "name", "quantity", "gross", "covers": [{"ground", "ground_id", "amount"}]}, ...] in minor units.
    lines jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    state text NOT NULL CONSTRAINT quote_state_is_known
        CHECK (state IN ('open', 'accepted', 'declined', 'replaced', 'expired')),
    answered_at timestamptz,
    CONSTRAINT owner_pays_no_more_than_the_gross CHECK (to_pay_minor BETWEEN 0 AND gross_minor),
    CONSTRAINT deposit_is_no_more_than_the_price CHECK (deposit_minor BETWEEN 0 AND to_pay_minor),
    CONSTRAINT answered_quote_says_when CHECK ((state = 'open') = (answered_at IS NULL))
);
CREATE UNIQUE INDEX one_open_quote_per_request ON quote (request_id) WHERE state = 'open';
CREATE UNIQUE INDEX one_accepted_quote_per_request ON quote (request_id) WHERE state = 'accepted';
CREATE INDEX quote_by_clock ON quote (tenant_id, valid_until) WHERE state = 'open';
CREATE INDEX quote_by_request ON quote (request_id, quote_id);

-- However a request ends, nobody is asked for a yes to its price any more.
CREATE FUNCTION end_quotes_of_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = callout, pg_temp
AS $$
BEGIN
    UPDATE quote SET state = 'expired', answered_at = NEW.closed_at
    WHERE request_id = NEW.request_id AND state = 'open';
    RETURN NULL;
END
$$;
CREATE TRIGGER closed_request_asks_no_price AFTER UPDATE OF closed_at ON service_request
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION end_quotes_of_request();

-- ---------------------------------------------------------------- deposits

-- Money that an owner paid before the work. What was taken is held, counts towards the bill, or was given back.
CREATE TABLE deposit (
    deposit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    quote_id bigint NOT NULL CONSTRAINT quote_has_one_deposit UNIQUE REFERENCES quote,
    amount_minor bigint NOT NULL CONSTRAINT deposit_is_some_money CHECK (amount_minor > 0),
    currency text NOT NULL,
    state text NOT NULL CONSTRAINT deposit_state_is_known CHECK (
        state IN ('wanted', 'asked', 'authorised', 'captured', 'unwanted', 'refunding', 'settled', 'void')),
    -- The provider's own names of the payment, and where the owner pays.
    session text CONSTRAINT payment_session_is_of_one_deposit UNIQUE,
    intent text CONSTRAINT payment_is_of_one_deposit UNIQUE,
    pay_at text NOT NULL DEFAULT '',
    captured_minor bigint NOT NULL DEFAULT 0,
    paid_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    attempts int NOT NULL DEFAULT 0,
    last_error text,
    due_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT money_is_conserved CHECK (
        captured_minor >= 0 AND paid_minor >= 0 AND refunded_minor >= 0
        AND CASE state WHEN 'settled' THEN captured_minor = paid_minor + refunded_minor
            ELSE paid_minor + refunded_minor = 0 END),
    CONSTRAINT nothing_is_taken_beyond_the_deposit CHECK (captured_minor IN (0, amount_minor)),
    CONSTRAINT captured_deposit_has_its_money CHECK (
        (state IN ('captured', 'refunding', 'settled')) = (captured_minor > 0))
);
CREATE INDEX deposit_by_clock ON deposit (tenant_id, due_at) WHERE state NOT IN ('settled', 'void');
CREATE INDEX deposit_by_request ON deposit (request_id);

-- Every message of the payment provider, once: it sends them again until it is answered.
CREATE TABLE payment_event (
    event_id text PRIMARY KEY,
    kind text NOT NULL,
    received_at timestamptz NOT NULL,
    outcome text NOT NULL
);

-- ---------------------------------------------------------------- messages that an owner wants no more

ALTER TABLE notice ADD COLUMN withdrawn_at timestamptz;

-- ---------------------------------------------------------------- rights

-- Amounts of quotes, and the sum of a deposit, are written once: nobody may update them.
GRANT SELECT ON labour_rate, deposit_rule, warranty, service_contract, goodwill_rule TO callout_work, callout_serve;
GRANT SELECT ON goodwill TO callout_work;
GRANT SELECT, INSERT, UPDATE (withdrawn_at) ON goodwill TO callout_serve;
GRANT SELECT, INSERT, UPDATE (state, answered_at, valid_until) ON quote TO callout_work, callout_serve;
GRANT SELECT, INSERT, UPDATE (state, session, intent, pay_at, captured_minor, paid_minor, refunded_minor, attempts,
    last_error, due_at) ON deposit TO callout_work, callout_serve;
GRANT SELECT, INSERT ON payment_event TO callout_serve;
-- An owner's own word is a diagnosis, too.
GRANT INSERT ON diagnosis TO callout_serve;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['labour_rate', 'deposit_rule', 'warranty', 'service_contract', 'goodwill_rule',
        'goodwill', 'quote', 'deposit'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY own_tenant_only ON %I TO callout_work, callout_serve
             USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', table_name);
    END LOOP;
END
$$;
