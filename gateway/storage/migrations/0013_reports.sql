-- What pages about how devices report begin with: each reads as many rows as it shows.

CREATE INDEX trouble_open_by_device ON door_trouble (tenant_id, device_id DESC) WHERE closed_at IS NULL;
CREATE INDEX trouble_open_by_kind ON door_trouble (tenant_id, kind, device_id DESC) WHERE closed_at IS NULL;
CREATE INDEX incident_of_device ON incident_device (device_id, incident_id DESC);
