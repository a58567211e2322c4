-- The end of the plain text. Refused, whole, while one value has no encrypted form.
SET LOCAL lock_timeout = '10s';

LOCK TABLE users IN ACCESS EXCLUSIVE MODE;

DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM check_encryption_migration_status() WHERE NOT complete) THEN
        RAISE EXCEPTION 'there is plain text without its encrypted form';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION check_encryption_migration_status()
RETURNS TABLE (column_name text, plain bigint, encrypted bigint, to_migrate bigint, complete boolean)
LANGUAGE sql STABLE AS $$
    SELECT 'two_factor_secret', 0::bigint, count(encrypted_two_factor_secret), 0::bigint, true FROM users
    UNION ALL
    SELECT 'phone_number', 0::bigint, count(encrypted_phone_number), 0::bigint, true FROM users
$$;

ALTER TABLE users
    DROP COLUMN two_factor_secret,
    DROP COLUMN phone_number;
