-- Takes 025_add_encryption_constraints back, with its record, when the record says that it was applied
-- and it was not there before: `before` lists the versions that were.
SELECT set_config('lockr.before', :'before', true);

DO $$ BEGIN
    IF '025_add_encryption_constraints' = ANY (string_to_array(current_setting('lockr.before'), ','))
       OR NOT EXISTS (SELECT 1 FROM schema_migrations WHERE version = '025_add_encryption_constraints') THEN
        RETURN;
    END IF;
    DROP FUNCTION IF EXISTS check_encryption_migration_status();
    ALTER TABLE users
        DROP COLUMN IF EXISTS encrypted_two_factor_secret,
        DROP COLUMN IF EXISTS encrypted_phone_number;
    DELETE FROM schema_migrations WHERE version = '025_add_encryption_constraints';
END $$;
