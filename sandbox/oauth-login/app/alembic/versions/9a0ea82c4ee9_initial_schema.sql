-- initial schema
--
-- Revision ID: 9a0ea82c4ee9
-- Revises:

-- upgrade
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email varchar(254) NOT NULL UNIQUE,
  provider varchar(20) NOT NULL,
  subject varchar(64) NOT NULL,
  role varchar(50) NOT NULL DEFAULT 'user',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, subject)
);

-- downgrade
DROP TABLE users;
