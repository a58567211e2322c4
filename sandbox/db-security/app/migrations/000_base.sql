-- What the migrations up to 023 came to: the vault before its security was improved.
CREATE TABLE schema_migrations (
    version     text PRIMARY KEY,
    executed_at timestamptz NOT NULL
);

CREATE TABLE users (
    id                text PRIMARY KEY,
    email             text NOT NULL UNIQUE,
    password_hash     text NOT NULL,
    two_factor_secret text,
    phone_number      text,
    created_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vault_items (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX vault_items_user_id_idx ON vault_items (user_id);
