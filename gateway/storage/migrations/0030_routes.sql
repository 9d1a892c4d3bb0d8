-- Days whose routes were planned anew: what it was worth, and whom nobody can visit and why.

CREATE TABLE route_plan (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_tenant() REFERENCES tenant,
    centre_id int NOT NULL REFERENCES service_centre,
    day date NOT NULL,
    asked_at timestamptz NOT NULL,
    -- 'desk' in the evening, or who of the staff.
    asked_by text NOT NULL CONSTRAINT desk_or_staff_asks_for_a_plan CHECK (asked_by ~ '^(desk|staff-[0-9]+)$'),
    -- Empty while it is planned; what the others mean is told in workflows.
    outcome text NOT NULL DEFAULT '' CONSTRAINT outcome_of_a_plan_is_known CHECK (
        outcome IN ('', 'moved', 'nothing_better', 'nothing_to_plan', 'changed_meanwhile', 'no_solver')),
    ended_at timestamptz,
    visits int NOT NULL DEFAULT 0,
    technicians int NOT NULL DEFAULT 0,
    moved int NOT NULL DEFAULT 0,
    before_m int NOT NULL DEFAULT 0,
    after_m int NOT NULL DEFAULT 0,
    -- [{"request_id": 7, "reason": "shifts_are_full"}, ...]
    unplanned jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT plan_ends_with_an_outcome CHECK ((ended_at IS NULL) = (outcome = ''))
);
CREATE UNIQUE INDEX desk_plans_a_day_once ON route_plan (centre_id, day) WHERE asked_by = 'desk';
CREATE INDEX route_plan_newest_first ON route_plan (tenant_id, plan_id DESC);

GRANT SELECT, INSERT, UPDATE ON route_plan TO callout_work;
GRANT SELECT, INSERT ON route_plan TO callout_serve;
ALTER TABLE route_plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant_only ON route_plan TO callout_work, callout_serve
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
