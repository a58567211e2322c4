-- add localid and fix role default
--
-- Revision ID: 7b4280a50047
-- Revises: 9a0ea82c4ee9

-- upgrade
ALTER TABLE users ADD COLUMN "localId" varchar(50);
ALTER TABLE users ALTER COLUMN role SET DEFAULT 'guest';

-- downgrade
ALTER TABLE users ALTER COLUMN role SET DEFAULT 'user';
ALTER TABLE users DROP COLUMN "localId";
