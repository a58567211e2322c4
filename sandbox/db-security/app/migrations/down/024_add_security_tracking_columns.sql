-- Takes 024_add_security_tracking_columns back, with its record, when the record says that it was applied
-- and it was not there before: `before` lists the versions that were.
SELECT set_config('lockr.before', :'before', true);

DO $$ BEGIN
    IF '024_add_security_tracking_columns' = ANY (string_to_array(current_setting('lockr.before'), ','))
       OR NOT EXISTS (SELECT 1 FROM schema_migrations WHERE version = '024_add_security_tracking_columns') THEN
        RETURN;
    END IF;
    ALTER TABLE users
        DROP COLUMN IF EXISTS last_login_at,
        DROP COLUMN IF EXISTS failed_login_attempts,
        DROP COLUMN IF EXISTS last_failed_login_at,
        DROP COLUMN IF EXISTS account_locked_until;
    DELETE FROM schema_migrations WHERE version = '024_add_security_tracking_columns';
END $$;
