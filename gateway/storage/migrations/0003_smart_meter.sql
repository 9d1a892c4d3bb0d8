-- Readings of the product type smart_meter: one row per sample, columns following the declared signals.

CREATE TABLE smart_meter_reading (
    device_id int NOT NULL,
    claimed_at timestamptz NOT NULL,
    boot bigint NOT NULL,
    seq bigint NOT NULL,
    sample smallint NOT NULL,
    partition smallint NOT NULL,
    ingest_no bigint NOT NULL,
    received_at timestamptz NOT NULL,
    is_backfill boolean NOT NULL,
    import_wh bigint,
    import_tariff1_wh bigint,
    import_tariff2_wh bigint,
    export_wh bigint,
    export_tariff1_wh bigint,
    export_tariff2_wh bigint,
    power_w real,
    voltages_v real[],
    currents_a real[],
    power_factor_pct real,
    frequency_hz real,
    is_supply_on boolean,
    terminal_temp_degc real,
    gas_l bigint,
    is_gas_valve_open boolean,
    water_l bigint,
    water_flow_l_h real,
    battery_v real,
    clock_offset_s real,
    is_cover_open boolean,
    event_codes text[],
    other jsonb,
    PRIMARY KEY (device_id, claimed_at, boot, seq, sample)
) PARTITION BY RANGE (claimed_at);
CREATE INDEX smart_meter_reading_by_ingest_no ON smart_meter_reading (partition, ingest_no);

CREATE TABLE smart_meter_hour (
    device_id int NOT NULL,
    hour_at timestamptz NOT NULL,
    samples int NOT NULL,
    import_wh_max bigint,
    import_tariff1_wh_max bigint,
    import_tariff2_wh_max bigint,
    export_wh_max bigint,
    export_tariff1_wh_max bigint,
    export_tariff2_wh_max bigint,
    power_w_min real, power_w_avg real, power_w_max real,
    voltages_v_avg real[],
    currents_a_avg real[],
    power_factor_pct_min real, power_factor_pct_avg real, power_factor_pct_max real,
    frequency_hz_min real, frequency_hz_avg real, frequency_hz_max real,
    terminal_temp_degc_min real, terminal_temp_degc_avg real, terminal_temp_degc_max real,
    gas_l_max bigint,
    water_l_max bigint,
    water_flow_l_h_min real, water_flow_l_h_avg real, water_flow_l_h_max real,
    battery_v_min real, battery_v_avg real, battery_v_max real,
    clock_offset_s_min real, clock_offset_s_avg real, clock_offset_s_max real,
    PRIMARY KEY (device_id, hour_at)
);

-- Readings are written by COPY, which does not work under row-level security. So the pages and the work read them
-- through views that join the device of the present tenant; only ingest and the roll-up touch the tables.
CREATE VIEW smart_meter_reading_seen WITH (security_barrier) AS
    SELECT r.* FROM smart_meter_reading r JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
CREATE VIEW smart_meter_hour_seen WITH (security_barrier) AS
    SELECT h.* FROM smart_meter_hour h JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();

GRANT SELECT, INSERT ON smart_meter_reading TO callout_ingest;
GRANT SELECT ON smart_meter_reading_seen, smart_meter_hour_seen TO callout_work, callout_serve;
GRANT SELECT ON smart_meter_reading TO callout_work;
GRANT SELECT, INSERT, UPDATE ON smart_meter_hour TO callout_work;
