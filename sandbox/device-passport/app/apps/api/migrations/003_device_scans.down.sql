DROP TABLE device_scans;
