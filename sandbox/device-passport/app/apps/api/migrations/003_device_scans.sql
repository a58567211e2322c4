-- Only additions: the release before this one knows neither the table nor the column.
CREATE TABLE device_scans (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device_id text NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX device_scans_device_id_idx ON device_scans (device_id);
