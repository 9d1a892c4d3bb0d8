-- Readings of the product type electric_vehicle: one row per sample, columns following the declared signals.

CREATE TABLE electric_vehicle_reading (
    device_id int NOT NULL,
    claimed_at timestamptz NOT NULL,
    boot bigint NOT NULL,
    seq bigint NOT NULL,
    sample smallint NOT NULL,
    partition smallint NOT NULL,
    ingest_no bigint NOT NULL,
    received_at timestamptz NOT NULL,
    is_backfill boolean NOT NULL,
    pack_voltage_v real,
    pack_current_a real,
    soc_pct real,
    soh_pct real,
    cell_voltages_v real[],
    probe_temps_degc real[],
    insulation_kohm real,
    bms_level smallint,
    low_voltage_v real,
    coolant_temp_degc real,
    tyre_pressures_kpa real[],
    brake_pads_mm real[],
    odometer_m bigint,
    speed_kmh real,
    is_charging boolean,
    ambient_temp_degc real,
    dtcs text[],
    other jsonb,
    PRIMARY KEY (device_id, claimed_at, boot, seq, sample)
) PARTITION BY RANGE (claimed_at);
CREATE INDEX electric_vehicle_reading_by_ingest_no ON electric_vehicle_reading (partition, ingest_no);

CREATE TABLE electric_vehicle_hour (
    device_id int NOT NULL,
    hour_at timestamptz NOT NULL,
    samples int NOT NULL,
    pack_voltage_v_min real, pack_voltage_v_avg real, pack_voltage_v_max real,
    pack_current_a_min real, pack_current_a_avg real, pack_current_a_max real,
    soc_pct_min real, soc_pct_avg real, soc_pct_max real,
    soh_pct_min real, soh_pct_avg real, soh_pct_max real,
    cell_voltages_v_avg real[],
    probe_temps_degc_avg real[],
    insulation_kohm_min real, insulation_kohm_avg real, insulation_kohm_max real,
    bms_level_min real, bms_level_avg real, bms_level_max real,
    low_voltage_v_min real, low_voltage_v_avg real, low_voltage_v_max real,
    coolant_temp_degc_min real, coolant_temp_degc_avg real, coolant_temp_degc_max real,
    tyre_pressures_kpa_avg real[],
    brake_pads_mm_avg real[],
    odometer_m_max bigint,
    speed_kmh_min real, speed_kmh_avg real, speed_kmh_max real,
    ambient_temp_degc_min real, ambient_temp_degc_avg real, ambient_temp_degc_max real,
    PRIMARY KEY (device_id, hour_at)
);

-- Readings are written by COPY, which does not work under row-level security. So the pages and the work read them
-- through views that join the device of the present tenant; only ingest and the roll-up touch the tables.
CREATE VIEW electric_vehicle_reading_seen WITH (security_barrier) AS
    SELECT r.* FROM electric_vehicle_reading r JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();
CREATE VIEW electric_vehicle_hour_seen WITH (security_barrier) AS
    SELECT h.* FROM electric_vehicle_hour h JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();

GRANT SELECT, INSERT ON electric_vehicle_reading TO callout_ingest;
GRANT SELECT ON electric_vehicle_reading_seen, electric_vehicle_hour_seen TO callout_work, callout_serve;
GRANT SELECT ON electric_vehicle_reading TO callout_work;
GRANT SELECT, INSERT, UPDATE ON electric_vehicle_hour TO callout_work;
