-- Columns for what the application encrypts (AES-256-GCM), and constraints that
-- let nothing in that has not its form: plain text cannot get there by mistake.
SET LOCAL lock_timeout = '10s';

ALTER TABLE users
    ADD COLUMN encrypted_two_factor_secret text,
    ADD COLUMN encrypted_phone_number      text,
    ADD CONSTRAINT users_encrypted_two_factor_secret_form
        CHECK (encrypted_two_factor_secret ~ '^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]{39,}$'),
    ADD CONSTRAINT users_encrypted_phone_number_form
        CHECK (encrypted_phone_number ~ '^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]{39,}$');

-- One row a column. Complete when nothing in plain text lacks its encrypted form.
CREATE FUNCTION check_encryption_migration_status()
RETURNS TABLE (column_name text, plain bigint, encrypted bigint, to_migrate bigint, complete boolean)
LANGUAGE sql STABLE AS $$
    SELECT 'two_factor_secret', count(two_factor_secret), count(encrypted_two_factor_secret),
           count(*) FILTER (WHERE two_factor_secret IS NOT NULL AND encrypted_two_factor_secret IS NULL),
           count(*) FILTER (WHERE two_factor_secret IS NOT NULL AND encrypted_two_factor_secret IS NULL) = 0
      FROM users
    UNION ALL
    SELECT 'phone_number', count(phone_number), count(encrypted_phone_number),
           count(*) FILTER (WHERE phone_number IS NOT NULL AND encrypted_phone_number IS NULL),
           count(*) FILTER (WHERE phone_number IS NOT NULL AND encrypted_phone_number IS NULL) = 0
      FROM users
$$;
