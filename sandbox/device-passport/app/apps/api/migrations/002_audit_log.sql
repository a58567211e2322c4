-- Who did what: logins, changes of data, actions of administrators.
CREATE TABLE audit_log (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_id text NOT NULL,
  event    text NOT NULL,
  subject  text NOT NULL DEFAULT ''
);

CREATE INDEX audit_log_at_idx ON audit_log (at);
CREATE INDEX audit_log_actor_id_idx ON audit_log (actor_id);
