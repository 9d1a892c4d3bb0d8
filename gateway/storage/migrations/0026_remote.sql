-- Healing from afar: commands of any name with an answer, attempts of remedies with their clocks, and roll-outs in stages.

-- The outbox to devices takes more than requests to say something again. A command's own id is its correlation data.
ALTER TABLE device_command
    DROP CONSTRAINT command_is_known,
    ALTER COLUMN boot DROP NOT NULL,
    ALTER COLUMN epoch DROP NOT NULL,
    ALTER COLUMN seqs DROP NOT NULL,
    ADD COLUMN request_id bigint REFERENCES service_request,
    ADD COLUMN arguments jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT command_has_a_name CHECK (command ~ '^[a-z][a-z0-9_]{0,62}$'),
    ADD CONSTRAINT resend_says_what CHECK (
        num_nonnulls(boot, epoch, seqs) = CASE WHEN command = 'resend' THEN 3 ELSE 0 END),
    ADD CONSTRAINT resend_is_about_no_request CHECK (command <> 'resend' OR request_id IS NULL);
-- A device is told once per request that it must not be used on.
CREATE UNIQUE INDEX one_stop_per_request ON device_command (request_id) WHERE command = 'stop_using';

-- One try of one rung of a ladder. Its state is moved by `workflows.remedying` alone; `due_at` is its clock.
CREATE TABLE remedy_attempt (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    request_id bigint NOT NULL REFERENCES service_request,
    component text NOT NULL,
    fault text NOT NULL,
    rung text NOT NULL,
    state text NOT NULL CONSTRAINT attempt_state_is_known CHECK (
        state IN ('planned', 'sent', 'verifying', 'holding', 'proven', 'failed', 'withdrawn')),
    planned_at timestamptz NOT NULL,
    -- Names no row: commands are forgotten after a while, attempts are not.
    command_id uuid,
    sent_at timestamptz,
    prove_by_at timestamptz,
    -- When its state gives up or is over; and when it is looked at next, which may be earlier.
    deadline_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    why text NOT NULL DEFAULT '',
    mandate_id bigint,
    CONSTRAINT attempt_ends_in_its_last_state CHECK (
        (ended_at IS NOT NULL) = (state IN ('proven', 'failed', 'withdrawn'))),
    CONSTRAINT sent_attempt_has_a_command CHECK (
        state IN ('planned', 'failed', 'withdrawn') OR num_nonnulls(command_id, sent_at, prove_by_at) = 3)
);
CREATE UNIQUE INDEX one_living_remedy_per_device_component ON remedy_attempt (device_id, component)
    WHERE ended_at IS NULL;
CREATE INDEX remedy_attempt_due ON remedy_attempt (tenant_id, due_at) WHERE ended_at IS NULL;
CREATE INDEX remedy_attempt_by_device ON remedy_attempt (device_id, fault, planned_at DESC);
CREATE INDEX remedy_attempt_by_request ON remedy_attempt (request_id, attempt_id);

-- What an owner was asked once about his request: one look (a check), or to do something himself (a guide).
CREATE TABLE owner_ask (
    ask_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    request_id bigint NOT NULL REFERENCES service_request,
    kind text NOT NULL CONSTRAINT ask_kind_is_known CHECK (kind IN ('check', 'guide')),
    name text NOT NULL,
    asked_at timestamptz NOT NULL,
    -- Until when his answer, and after a deed of his its proof, is waited for.
    due_at timestamptz NOT NULL,
    answer text CONSTRAINT ask_answer_is_known CHECK (answer IN ('yes', 'no', 'unknown', 'done', 'not_done')),
    answered_at timestamptz,
    closed_at timestamptz,
    CONSTRAINT answered_ask_has_its_answer CHECK ((answer IS NULL) = (answered_at IS NULL)),
    CONSTRAINT owner_is_asked_once_per_request UNIQUE (request_id)
);
CREATE INDEX owner_ask_due ON owner_ask (tenant_id, due_at) WHERE closed_at IS NULL;

-- One remedy for many devices, in stages: the next one begins when enough of the present one was proven.
CREATE TABLE rollout (
    rollout_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    product text NOT NULL,
    fault text NOT NULL,
    rung text NOT NULL,
    -- Which devices: those of a model, of a firmware; empty for any.
    model text NOT NULL DEFAULT '',
    firmware text NOT NULL DEFAULT '',
    staff_id int NOT NULL REFERENCES staff,
    least_share double precision NOT NULL CONSTRAINT share_is_of_one CHECK (least_share > 0 AND least_share <= 1),
    stage int NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'running' CONSTRAINT rollout_state_is_known CHECK (
        state IN ('running', 'done', 'aborted', 'stopped')),
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT ended_rollout_has_an_end CHECK ((ended_at IS NULL) = (state = 'running'))
);
CREATE UNIQUE INDEX one_running_rollout_per_remedy ON rollout (tenant_id, product, fault, rung) WHERE ended_at IS NULL;

CREATE TABLE rollout_device (
    rollout_id bigint NOT NULL REFERENCES rollout,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    device_id int NOT NULL REFERENCES device,
    request_id bigint NOT NULL REFERENCES service_request,
    stage int NOT NULL,
    attempt_id bigint REFERENCES remedy_attempt,
    -- Why it was passed over, when it was: its request went on, or its owner does not allow it.
    passed_over text,
    PRIMARY KEY (rollout_id, device_id)
);

-- ---------------------------------------------------------------- rights

GRANT SELECT, INSERT, UPDATE ON remedy_attempt, owner_ask TO callout_work;
GRANT SELECT ON remedy_attempt, owner_ask TO callout_serve;
GRANT UPDATE (answer, answered_at, due_at, closed_at) ON owner_ask TO callout_serve;
GRANT SELECT, INSERT, UPDATE ON rollout, rollout_device TO callout_work, callout_serve;
ALTER TABLE rollout ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON rollout TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
ALTER TABLE rollout_device ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON rollout_device TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
ALTER TABLE owner_ask ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON owner_ask TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
ALTER TABLE remedy_attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON remedy_attempt TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());

-- The work gives commands, and lets those that were not sent yet end; nothing else of them is its own.
GRANT INSERT, UPDATE (expires_at) ON device_command TO callout_work;
CREATE POLICY own_devices_commanded ON device_command FOR INSERT TO callout_work
    WITH CHECK (command <> 'resend' AND EXISTS (SELECT FROM device d WHERE d.device_id = device_command.device_id));
CREATE POLICY own_devices_called_off ON device_command FOR UPDATE TO callout_work
    USING (EXISTS (SELECT FROM device d WHERE d.device_id = device_command.device_id))
    WITH CHECK (EXISTS (SELECT FROM device d WHERE d.device_id = device_command.device_id));
