-- Views for those who watch. None of them reads a column in plain text: 027 could
-- not remove a column that a view depends on.
CREATE VIEW security_overview AS
    SELECT id, last_login_at, failed_login_attempts, account_locked_until,
           coalesce(account_locked_until > now(), false) AS locked,
           encrypted_two_factor_secret IS NOT NULL AS has_two_factor,
           encrypted_phone_number IS NOT NULL AS has_phone
      FROM users;

CREATE VIEW locked_accounts AS
    SELECT id, account_locked_until, failed_login_attempts FROM users WHERE account_locked_until > now();

CREATE VIEW deployment_metrics AS
    SELECT (SELECT count(*) FROM users WHERE last_login_at > now() - interval '1 hour') AS recent_logins,
           (SELECT count(*) FROM users WHERE failed_login_attempts > 0) AS users_with_failed_attempts,
           (SELECT count(*) FROM users WHERE account_locked_until > now()) AS locked_accounts,
           (SELECT count(*) FROM users WHERE encrypted_two_factor_secret IS NOT NULL) AS encrypted_2fa_users,
           (SELECT count(*) FROM users WHERE encrypted_phone_number IS NOT NULL) AS encrypted_phone_users,
           (SELECT avg(extract(epoch FROM now() - last_login_at)) FROM users WHERE last_login_at IS NOT NULL) AS avg_seconds_since_login;
