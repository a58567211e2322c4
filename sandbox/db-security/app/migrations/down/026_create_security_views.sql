-- Takes 026_create_security_views back, with its record, when the record says that it was applied
-- and it was not there before: `before` lists the versions that were.
SELECT set_config('lockr.before', :'before', true);

DO $$ BEGIN
    IF '026_create_security_views' = ANY (string_to_array(current_setting('lockr.before'), ','))
       OR NOT EXISTS (SELECT 1 FROM schema_migrations WHERE version = '026_create_security_views') THEN
        RETURN;
    END IF;
    DROP VIEW IF EXISTS deployment_metrics;
    DROP VIEW IF EXISTS locked_accounts;
    DROP VIEW IF EXISTS security_overview;
    DELETE FROM schema_migrations WHERE version = '026_create_security_views';
END $$;
