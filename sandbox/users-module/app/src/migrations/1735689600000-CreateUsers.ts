import type { MigrationInterface, QueryRunner } from 'typeorm'

/** What was there before this deployment. */
export class CreateUsers1735689600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE users.users (
      id uuid PRIMARY KEY,
      email varchar(254) NOT NULL,
      "passwordHash" varchar(100) NOT NULL,
      "firstName" varchar(100) NOT NULL,
      "lastName" varchar(100) NOT NULL,
      "createdAt" timestamptz NOT NULL DEFAULT now()
    )`)
    await runner.query('CREATE UNIQUE INDEX "users_email_key" ON users.users (lower(email))')
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users.users')
  }
}
