-- Heat from a district network, over the meter's bus: columns for the signals of smart_meter that are new. Drafted by
-- `callout draft-migration smart_meter`. The views hold the columns of when they were made, so they are made anew.

ALTER TABLE smart_meter_reading ADD COLUMN heat_wh bigint;
ALTER TABLE smart_meter_reading ADD COLUMN heat_l bigint;
ALTER TABLE smart_meter_reading ADD COLUMN heat_power_w real;
ALTER TABLE smart_meter_reading ADD COLUMN heat_flow_l_h real;
ALTER TABLE smart_meter_reading ADD COLUMN heat_supply_degc real;
ALTER TABLE smart_meter_reading ADD COLUMN heat_return_degc real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_wh_max bigint;
ALTER TABLE smart_meter_hour ADD COLUMN heat_l_max bigint;
ALTER TABLE smart_meter_hour ADD COLUMN heat_power_w_min real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_power_w_avg real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_power_w_max real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_flow_l_h_min real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_flow_l_h_avg real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_flow_l_h_max real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_supply_degc_min real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_supply_degc_avg real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_supply_degc_max real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_return_degc_min real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_return_degc_avg real;
ALTER TABLE smart_meter_hour ADD COLUMN heat_return_degc_max real;
CREATE OR REPLACE VIEW smart_meter_reading_seen WITH (security_barrier) AS
    SELECT r.* FROM smart_meter_reading r JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
CREATE OR REPLACE VIEW smart_meter_hour_seen WITH (security_barrier) AS
    SELECT h.* FROM smart_meter_hour h JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
