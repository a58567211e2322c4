/** How the effects of the device passports' steps are lost, for the tests that take them away and give them back. */
import { utimesSync } from 'node:fs'
import {
  both,
  changed,
  cutOff,
  forgotten,
  longer,
  moved,
  readable,
  replaced,
  rolled,
  rows,
  statement,
  values,
} from '../sandbox/hands.ts'
import { input } from '../sandbox/place.ts'
import type { Losses, Stage, TakeAway } from '../sandbox/stage.ts'

export const API = 'registry.sandbox/device-passport-api'
const WEB = 'registry.sandbox/device-passport-web'
export const imagesOf = (api: string, web = api) => ({
  API_IMAGE: `${API}:${api}`,
  WEB_IMAGE: `${WEB}:${web}`,
})
export const COMPOSE = 'docker compose -f docker/docker-compose.prod.yml'
export const REDIS = 'redis-cli --no-auth-warning --cacert "$REDIS_CA" -u "$REDIS_URL"'

/** The run whose effects are lost, the one whose trials were not cleaned up, and files that the first wrote. */
export interface Deployed {
  run: string
  trials: string
  backup: string
  drill: string
}

/**
 * `losses`: of each step that changes something. `proofs`: of steps that change nothing and prove what others did;
 * their checks can fail as well. `ofRedis`: where there is one.
 */
export function lossesOf(
  stage: Stage,
  the: Deployed,
): { losses: Losses; proofs: Losses; ofRedis: Losses } {
  const { at, sh } = stage
  const db = () => stage.database()

  const called =
    (take: string, back: string, env = {}): TakeAway =>
    async () => {
      await sh(take, env)
      return () => sh(back, env)
    }

  /** Other images are composed, and then those of the release again. */
  const composed =
    (...images: [api: string, web?: string]): TakeAway =>
    async () => {
      const up = `${COMPOSE} up --detach --no-build`
      await sh(up, imagesOf(...images))
      return () => sh(up, imagesOf('v1.1.0'))
    }
  const stopped = called(`${COMPOSE} stop`, `${COMPOSE} start`, imagesOf('v1.1.0'))

  const redisIs = (setting: string, other: string, again: string): TakeAway => {
    const set = (value: string) => `${REDIS} config set ${setting} ${value} | grep -qx OK`
    return () =>
      called(set(other), set(again), { REDISCLI_AUTH: input(stage.here(), 'redis_password') })()
  }
  const api = () => at('config/api/.env.production')
  const web = () => at('config/web/.env.production')
  const access = () => at('config/backup/pg_service.conf')
  const schedule = () => at('config/cron.d/device-passport-backup')
  const logged = (line: () => string) => longer(() => at('logs/api.log'), line)
  const entry = (level: string, message: string) =>
    JSON.stringify({ time: new Date().toISOString(), level, message })

  const user = () => `t.id = '${the.trials}-user'`
  const device = () => `t.id = '${the.trials}-device'`
  const scans = () => `t.device_id = '${the.trials}-device'`
  const kept = (image: string) => `${image}:before-${the.run}`

  /** How the effect of each step that changes something can be lost, by step. */
  const losses: Losses = {
    api_environment: {
      'it is gone': moved(api),
      'a variable is missing': replaced(api, /^CORS_ORIGIN.*\n/m),
      'others can read it': readable(api),
      'a value has a comment behind it, as in the document': replaced(
        api,
        /^(MAX_FILE_SIZE=.*)$/m,
        '$1  # 10MB in bytes',
      ),
      'Redis is asked without TLS, as in the document': replaced(api, 'rediss://', 'redis://'),
      "a secret is the document's example": replaced(
        api,
        /^JWT_SECRET=.*$/m,
        'JWT_SECRET=your-super-secret-key-minimum-32-characters',
      ),
    },
    web_environment: {
      'it is gone': moved(web),
      'it is of another release': replaced(web, /^VITE_APP_VERSION=.*$/m, 'VITE_APP_VERSION=1.0.0'),
      'a secret is in it': longer(web, () => 'JWT_SECRET=s'),
    },
    previous_tagged: {
      'nobody else has it': called(
        'git -C "$SOURCE" push --quiet origin :refs/tags/v1.0.0',
        'git -C "$SOURCE" push --quiet origin refs/tags/v1.0.0',
      ),
      'it was put after the pull, as in the document': async () => {
        const was = (await sh('git -C "$SOURCE" rev-parse v1.0.0')).trim()
        const put = (commit: string) =>
          sh(`git -C "$SOURCE" tag --force v1.0.0 ${commit} > /dev/null
              git -C "$SOURCE" push --quiet --force origin refs/tags/v1.0.0`)
        await put('v1.1.0')
        return () => put(was)
      },
    },
    source_at_release: {
      'another commit is there': called(
        'git -C "$SOURCE" checkout --quiet v1.0.0',
        'git -C "$SOURCE" checkout --quiet v1.1.0',
      ),
      'a file was changed': longer(() => at('srv/source/package.json')),
    },
    images_kept: {
      'the name is gone': () => forgotten(stage, 'images', kept(API))(),
      'the name has another image': () =>
        called(`docker tag ${WEB}:v1.1.0 ${kept(WEB)}`, `docker tag ${WEB}:v1.0.0 ${kept(WEB)}`)(),
    },
    least_privilege: {
      'the role is a superuser': statement(
        db,
        'ALTER ROLE app_user SUPERUSER',
        'ALTER ROLE app_user NOSUPERUSER',
      ),
      'it has what the document grants': statement(
        db,
        'GRANT ALL PRIVILEGES ON DATABASE device_passport TO app_user',
        'REVOKE CREATE ON DATABASE device_passport FROM app_user',
      ),
      'tables to come are not for it': statement(
        db,
        'ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM app_user',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app_user',
      ),
    },
    backup: {
      'it is cut off': cutOff(() => the.backup, 3000),
      'it is gone': moved(() => the.backup),
    },
    backup_access: {
      'others can read it': readable(access),
      'it leads to another database': replaced(access, /^dbname=.*$/m, 'dbname=postgres'),
    },
    backup_schedule: {
      'it is gone': moved(schedule),
      'nobody tells it where the database is': moved(access),
      'it keeps less': replaced(schedule, '-mtime +30', '-mtime +3'),
    },
    migrations: {
      'a record is gone': rows(db, 'migrations', () => `t.version LIKE '003_%'`),
      'a table is gone': statement(
        db,
        'ALTER TABLE audit_log RENAME TO away',
        'ALTER TABLE away RENAME TO audit_log',
      ),
    },
    images_compose: {
      // The image of what serves cannot be missing, so something else serves first.
      'one is not here': both(composed('v1.0.0'), forgotten(stage, 'images', `${WEB}:v1.1.0`)),
    },
    images_kubernetes: {
      'one is not in the registry': forgotten(stage, 'pushed', `${WEB}:v1.1.0`),
    },
    switch_compose: {
      'the previous images serve': composed('v1.0.0'),
      'the web application is the previous one': composed('v1.1.0', 'v1.0.0'),
    },
    switch_kubernetes: {
      'the previous API is set': rolled(stage, 'api', `api=${API}`, 'v1.0.0', 'v1.1.0'),
      'the previous web application is set': rolled(stage, 'web', `web=${WEB}`, 'v1.0.0', 'v1.1.0'),
    },
    trial_account: {
      'it is gone': both(
        rows(db, 'device_scans', scans),
        both(rows(db, 'devices', device), rows(db, 'users', user)),
      ),
      'its hash has fewer rounds': values(
        db,
        'users',
        user,
        `password_hash = replace(password_hash, '$10$', '$04$')`,
      ),
    },
    trial_device: {
      'it is gone': both(rows(db, 'device_scans', scans), rows(db, 'devices', device)),
    },
    qr_scan: { 'no scan is there': rows(db, 'device_scans', scans) },
    trial_change: { 'it is in service': values(db, 'devices', device, `status = 'in service'`) },
    clean_up: {
      'an account is back': async () => {
        await db().query(
          `INSERT INTO users SELECT $1, $1, name, role, password_hash, active, created_at FROM users WHERE id = 'user-1'`,
          [`${the.run}-user`],
        )
        return () => db().query('DELETE FROM users WHERE id = $1', [`${the.run}-user`])
      },
    },
    recovery_drill: {
      'it is cut off': cutOff(() => the.drill, 3000),
      'it is older than an hour': changed(
        () => the.drill,
        (file) => utimesSync(file, 0, Date.now() / 1000 - 3700),
      ),
    },
  }

  /** Steps that change nothing and prove what others did: their checks can fail as well. */
  const proofs: Losses = {
    // First: what others take away leaves lines in the log.
    logs_fit: {
      'an error is logged': logged(() => entry('error', 'lost')),
      'a line is no JSON': logged(() => 'started'),
      'a secret is logged': logged(() => entry('info', input(stage.here(), 'jwt_secret'))),
    },
    environment_ignored: {
      'git does not ignore it': replaced(() => at('srv/source/.gitignore'), /^.*env.*\n/gm),
    },
    application_connects: {
      'the role may not': statement(db, 'ALTER ROLE app_user NOLOGIN', 'ALTER ROLE app_user LOGIN'),
    },
    accounts_fit: {
      'a development account is there': values(
        db,
        'users',
        () => `t.id = 'user-1'`,
        `email = 'dev@device-passport.local'`,
      ),
      'the administrator is not active': values(
        db,
        'users',
        () => `t.id = 'user-admin'`,
        'active = false',
      ),
    },
    application_may: {
      'it makes tables': statement(
        db,
        'GRANT CREATE ON SCHEMA public TO app_user',
        'REVOKE CREATE ON SCHEMA public FROM app_user',
      ),
      'it cannot read one': statement(
        db,
        'REVOKE SELECT ON audit_log FROM app_user',
        'GRANT SELECT ON audit_log TO app_user',
      ),
    },
    indexes: {
      'one of a foreign key is gone': statement(
        db,
        'DROP INDEX device_scans_device_id_idx',
        'CREATE INDEX device_scans_device_id_idx ON device_scans (device_id)',
      ),
    },
    containers_run: { 'the previous API runs': composed('v1.0.0', 'v1.1.0') },
    'switch_compose, healthy, home_page, from_inside, socket, hours_1_to_4': {
      'it is stopped': stopped,
    },
    audited: {
      'an event is not written down': rows(db, 'audit_log', () => `t.event = 'account made'`),
    },
  }
  const ofRedis: Losses = {
    redis_fit: {
      'it takes all memory there is': redisIs('maxmemory', '0', '256mb'),
      'it writes nothing down': redisIs('appendonly', 'no', 'yes'),
    },
  }

  return { losses, proofs, ofRedis }
}
