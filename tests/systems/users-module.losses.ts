/** How the effects of the users module's steps are lost, for the tests that take them away and give them back. */
import { randomBytes } from 'node:crypto'
import {
  both,
  called,
  cutOff,
  forgotten,
  linked,
  longer,
  moved,
  readable,
  releaseLost,
  replaced,
  rolled,
  rows,
  statement,
  stopped as stoppedOn,
  told,
  values,
} from '../sandbox/hands.ts'
import type { Losses, Stage, TakeAway } from '../sandbox/stage.ts'

/** What serves, by whatever strategy. */
export const UNIT = 'tickr-backend'

/** A setting is another one for the application, which reads them when it starts. */
export const restartedWith =
  ({ call }: Stage, setting: TakeAway): TakeAway =>
  async () => {
    const restart = () => call('systemctl', 'restart', UNIT)
    const putBack = await setting()
    await restart()
    return async () => {
      await putBack()
      await restart()
    }
  }

/** The run whose effects are lost, and files that it wrote. */
export interface Deployed {
  run: string
  backup: string
  drill: string
}

/**
 * `losses`: of each step that changes something. `proofs`: of steps that change nothing and prove what others did;
 * their checks can fail as well.
 */
export function lossesOf(stage: Stage, the: Deployed): { losses: Losses; proofs: Losses } {
  const { at } = stage
  const db = () => stage.database()
  const env = () => at('config/.env.production')
  const schedule = () => at('config/cron.d/tickr-backup')
  const stopped = stoppedOn(stage, UNIT)
  const trial = () => `t.email = 'runbook-${the.run}@tickr.example'`

  /** How the effect of each step that changes something can be lost, by step. */
  const losses: Losses = {
    environment_file: {
      'it is gone': moved(env),
      'a variable is missing': replaced(env, /^BCRYPT_ROUNDS.*\n/m),
      'others can read it': readable(env),
    },
    backup: {
      'it is cut off': cutOff(() => the.backup, 3000),
      'it is gone': moved(() => the.backup),
    },
    migration: {
      'its record is gone': rows(db, 'users.migrations', () => `t.name LIKE 'AddSessions%'`),
      'a column is gone': statement(
        db,
        'ALTER TABLE users.users RENAME "failedLogins" TO away',
        'ALTER TABLE users.users RENAME away TO "failedLogins"',
      ),
      'a table is gone': statement(
        db,
        'ALTER TABLE users.refresh_tokens RENAME TO away',
        'ALTER TABLE users.away RENAME TO refresh_tokens',
      ),
      'an index is gone': statement(
        db,
        'DROP INDEX users."refresh_tokens_userId_idx"',
        'CREATE INDEX "refresh_tokens_userId_idx" ON users.refresh_tokens ("userId")',
      ),
      'a hash may be there twice': statement(
        db,
        'DROP INDEX users."refresh_tokens_tokenHash_key"',
        'CREATE UNIQUE INDEX "refresh_tokens_tokenHash_key" ON users.refresh_tokens ("tokenHash")',
      ),
    },
    build_release: {
      ...releaseLost(() => at('releases/1.1.0'), 'src/auth.js'),
      'a route is gone': replaced(
        () => at('releases/1.1.0/routes.json'),
        '/api/auth/login',
        '/api/other',
      ),
    },
    image: { 'it is not in the registry': forgotten(stage, 'pushed', 'tickr-backend:1.1.0') },
    switch_docker: {
      'the container is gone': called(
        stage,
        ['docker', 'rm', '--force', 'tickr-backend'],
        ['docker', 'run', '--detach', '--name', 'tickr-backend', 'tickr-backend:1.1.0'],
      ),
      'the previous container is gone': called(
        stage,
        ['docker', 'rename', 'tickr-backend-previous', 'elsewhere'],
        ['docker', 'rename', 'elsewhere', 'tickr-backend-previous'],
      ),
    },
    switch_node: {
      'the previous release serves': linked(stage, UNIT, '1.0.0', '1.1.0'),
      'it is stopped': stopped,
    },
    switch_kubernetes: {
      'the previous image is set': rolled(stage, UNIT, 'app=tickr-backend', '1.0.0', '1.1.0'),
    },
    autoscaling: {
      'it is gone': called(
        stage,
        ['kubectl', 'delete', 'hpa', 'tickr-backend-hpa'],
        ['kubectl', 'apply', '-f', 'sandbox/users-module/app/k8s/hpa.yaml'],
      ),
    },
    registration: {
      'the account is gone': rows(db, 'users.users', trial),
      'it has another address': values(db, 'users.users', trial, `email = 'other@tickr.example'`),
    },
    backup_schedule: {
      'it is gone': moved(schedule),
      'it keeps nothing': replaced(schedule, /^45 .*\n/m),
    },
    'process_recovery, healthy': { 'it is stopped': stopped },
    restore_drill: {
      'it is cut off': cutOff(() => the.drill, 3000),
      'it is gone': moved(() => the.drill),
    },
  }

  /** Steps that change nothing and prove what others did: their checks can fail as well. */
  const proofs: Losses = {
    secrets_strong: {
      'the signing secret has 128 bits': told(stage, 'jwt_secret', randomBytes(16).toString('hex')),
    },
    settings_fit: {
      'a token opens for an hour': told(stage, 'jwt_access', '1h'),
      'a session lasts a month': told(stage, 'jwt_refresh', '30d'),
      'the rounds are too few': told(stage, 'bcrypt_rounds', 9),
    },
    read_replica: {
      'it is not a replica': told(stage, 'db_read_host', 'localhost'),
    },
    replica_read: {
      'it is not told to the application': restartedWith(
        stage,
        replaced(env, /^DB_READ_HOST=.*/m, 'DB_READ_HOST='),
      ),
    },
    token_lives: {
      'it can be refreshed for a month': values(
        db,
        'users.refresh_tokens',
        () => 'true',
        `"expiresAt" = "expiresAt" + interval '23 days'`,
      ),
    },
    pool_fits: {
      'nine replicas fit, and ten may come': both(
        told(stage, 'db_pool', 15),
        told(stage, 'strategy', 'kubernetes'),
      ),
    },
    container_log_clean: {
      'an error was logged': longer(
        () => at('logs/app.log'),
        () => JSON.stringify({ time: new Date().toISOString(), level: 'error', message: 'broken' }),
      ),
    },
    role_modest: {
      'the role is a superuser': statement(
        db,
        'ALTER ROLE tickr_app SUPERUSER',
        'ALTER ROLE tickr_app NOSUPERUSER',
      ),
    },
    passwords_hashed: {
      'it is kept in clear': values(db, 'users.users', trial, `"passwordHash" = 'Test123!'`),
    },
  }

  return { losses, proofs }
}
