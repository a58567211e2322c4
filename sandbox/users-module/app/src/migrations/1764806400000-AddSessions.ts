import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Logins that can be refreshed, counted and locked, and a trace of who did what. */
export class AddSessions1764806400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE users.users
      ADD COLUMN "failedLogins" integer NOT NULL DEFAULT 0,
      ADD COLUMN "lockedUntil" timestamptz,
      ADD COLUMN "lastLoginAt" timestamptz`)
    await runner.query(`CREATE TABLE users.refresh_tokens (
      id uuid PRIMARY KEY,
      "userId" uuid NOT NULL REFERENCES users.users (id) ON DELETE CASCADE,
      "tokenHash" char(64) NOT NULL,
      "expiresAt" timestamptz NOT NULL,
      "usedAt" timestamptz
    )`)
    await runner.query(
      'CREATE UNIQUE INDEX "refresh_tokens_tokenHash_key" ON users.refresh_tokens ("tokenHash")',
    )
    await runner.query(
      'CREATE INDEX "refresh_tokens_userId_idx" ON users.refresh_tokens ("userId")',
    )
    await runner.query(`CREATE TABLE users.audit_log (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      event varchar(40) NOT NULL,
      "userId" uuid
    )`)
    await runner.query('CREATE INDEX "audit_log_at_idx" ON users.audit_log (at)')
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users.audit_log')
    await runner.query('DROP TABLE users.refresh_tokens')
    await runner.query(`ALTER TABLE users.users
      DROP COLUMN "failedLogins", DROP COLUMN "lockedUntil", DROP COLUMN "lastLoginAt"`)
  }
}
