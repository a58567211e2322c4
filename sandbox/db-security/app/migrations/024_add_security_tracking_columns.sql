-- Who logged in when, who failed how often, whose account is locked.
-- A table in use is not waited for longer than this: everybody behind us would wait too.
SET LOCAL lock_timeout = '10s';

ALTER TABLE users
    ADD COLUMN last_login_at         timestamptz,
    ADD COLUMN failed_login_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN last_failed_login_at  timestamptz,
    ADD COLUMN account_locked_until  timestamptz;

CREATE INDEX users_last_login_at_idx ON users (last_login_at);
CREATE INDEX users_account_locked_until_idx ON users (account_locked_until) WHERE account_locked_until IS NOT NULL;
