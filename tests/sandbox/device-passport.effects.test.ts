/** Every check of the device passports fails when what it proves is taken away; and what its document's commands really do. */
import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { loadRunbook } from '../../src/language/load.ts'
import { shownWhile } from '../canaries.ts'
import { redis, titled } from '../checks/redis-server.ts'
import {
  both,
  changed,
  cutOff,
  forgotten,
  moved,
  readable,
  replaced,
  rolled,
  rows,
  statement,
  values,
} from './hands.ts'
import { input } from './place.ts'
import { casesOf, stageOf, type Losses, type TakeAway } from './stage.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'device-passport'
const stage = stageOf(NAME)
const { at, deploy, expectToDependOn, fileOf, sh, tool, version } = stage
const db = () => stage.database()

// ── the hands ──────────────────────────────────────────────────────────────

const called =
  (take: string, back: string, env = {}): TakeAway =>
  async () => {
    await sh(take, env)
    return () => sh(back, env)
  }

const API = 'registry.sandbox/device-passport-api'
const WEB = 'registry.sandbox/device-passport-web'
const imagesOf = (api: string, web = api) => ({
  API_IMAGE: `${API}:${api}`,
  WEB_IMAGE: `${WEB}:${web}`,
})
const COMPOSE = 'docker compose -f docker/docker-compose.prod.yml'
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
const REDIS = 'redis-cli --no-auth-warning --cacert "$REDIS_CA" -u "$REDIS_URL"'

const api = () => at('config/api/.env.production')
const web = () => at('config/web/.env.production')
const access = () => at('config/backup/pg_service.conf')
const schedule = () => at('config/cron.d/device-passport-backup')
const logged = (line: () => string) =>
  changed(
    () => at('logs/api.log'),
    (file) => appendFileSync(file, `${line()}\n`),
  )
const entry = (level: string, message: string) =>
  JSON.stringify({ time: new Date().toISOString(), level, message })

// ── the cases ──────────────────────────────────────────────────────────────

/** The run, the one that cleaned up, and files. */
let run = ''
let last = ''
let backup = ''
let drill = ''

const user = () => `t.id = '${run}-user'`
const device = () => `t.id = '${run}-device'`
const scans = () => `t.device_id = '${run}-device'`
const kept = (image: string) => `${image}:before-${run}`

/** How the effect of each step that changes something can be lost, by step. */
const LOSSES: Losses = {
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
    'a secret is in it': changed(web, (file) => appendFileSync(file, 'JWT_SECRET=s\n')),
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
    'a file was changed': changed(
      () => at('srv/source/package.json'),
      (file) => appendFileSync(file, '\n'),
    ),
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
  backup: { 'it is cut off': cutOff(() => backup, 3000), 'it is gone': moved(() => backup) },
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
  images_kubernetes: { 'one is not in the registry': forgotten(stage, 'pushed', `${WEB}:v1.1.0`) },
  switch_compose: {
    'the previous images serve': composed('v1.0.0'),
    'the web application is the previous one': composed('v1.1.0', 'v1.0.0'),
    'nothing serves': stopped,
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
        [`${last}-user`],
      )
      return () => db().query('DELETE FROM users WHERE id = $1', [`${last}-user`])
    },
  },
  recovery_drill: {
    'it is cut off': cutOff(() => drill, 3000),
    'it is older than an hour': changed(
      () => drill,
      (file) => utimesSync(file, 0, Date.now() / 1000 - 3700),
    ),
  },
}

/** Steps that change nothing and prove what others did: their checks can fail as well. */
const PROOFS: Losses = {
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
  healthy: { 'it is stopped': stopped },
  home_page: { 'it is stopped': stopped },
  audited: {
    'an event is not written down': rows(db, 'audit_log', () => `t.event = 'account made'`),
  },
  from_inside: { 'it is stopped': stopped },
  socket: { 'it is stopped': stopped },
  hours_1_to_4: { 'it is stopped': stopped },
}
const REDIS_LOSSES: Losses = {
  redis_fit: {
    'it takes all memory there is': redisIs('maxmemory', '0', '256mb'),
    'it writes nothing down': redisIs('appendonly', 'no', 'yes'),
  },
}

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook } = await loadRunbook(NAME, stage.place().root)
  const changing = runbook.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  expect(new Set(Object.keys(LOSSES))).toEqual(new Set(changing))
})

const OF_KUBERNETES = ['images_kubernetes', 'switch_kubernetes']

// From the previous release and back to it, so the one that stays comes last.
describe('deployed by kubernetes', () => {
  beforeAll(async () => {
    const only = [
      ...['before_version', 'before_source', 'source_at_release', 'before_web'],
      ...['before_containers', 'before_deployments', 'images_kept'],
      ...['before_rights', 'least_privilege', 'before_schema', 'before_migrations', 'backup'],
      ...['migrations', ...OF_KUBERNETES, 'pods_ready'],
    ]
    run = await deploy('--only', only.join(','), '--var', 'strategy=kubernetes')
  })
  test.each(casesOf(LOSSES, ...OF_KUBERNETES))('%s: %s', (step, _how, take) =>
    expectToDependOn(run, step, take),
  )

  test('rollout undo goes back, and a second time forward again', async () => {
    const undo = 'kubectl rollout undo deployment/api && kubectl rollout status deployment/api'
    const serving = async () =>
      (
        (await (await fetch(`${input(stage.here(), 'api_url')}/api/version`)).json()) as {
          version: string
        }
      ).version
    await sh(undo)
    expect(await serving()).toBe('v1.0.0')
    await sh(undo)
    expect(await serving()).toBe('v1.1.0')
  })

  test('get pods ends well whatever becomes of them', async () => {
    await sh(`kubectl set image deployment/api api=${API}:never-made`)
    await sh('kubectl get pods')
    expect(await stage.ask(run, 'pods_ready')).toMatchObject({ answer: 'does_not_hold' })
    await sh(`kubectl set image deployment/api api=${API}:v1.1.0`)
  })

  test('the new release serves, and the previous one after a rollback', async () => {
    expect(await version()).toEqual({ version: 'v1.1.0' })
    expect((await tool('rollback', run)).status).toBe('rolled_back')
    expect(await version()).toEqual({ version: 'v1.0.0' })
  })
})

describe('deployed by compose', () => {
  beforeAll(async () => {
    const part = ['--from', 'before_version', '--to', 'hours_1_to_4']
    run = await deploy(...part, '--skip', 'support,quality,clean_up')
    last = await deploy('--only', 'clean_up')
    backup = await fileOf(run, 'backup')
    drill = await fileOf(run, 'recovery_drill')
  })
  const losses = { ...PROOFS, ...LOSSES }
  test.each(casesOf(losses).filter(([step]) => !OF_KUBERNETES.includes(step)))(
    '%s: %s',
    (step, _how, take) => expectToDependOn(step === 'clean_up' ? last : run, step, take),
  )
  test.skipIf(!redis).each(casesOf(REDIS_LOSSES))(titled('%s: %s'), (step, _how, take) =>
    expectToDependOn(run, step, take),
  )

  test('up --force-recreate after down makes the same containers anew: no way back', async () => {
    await sh(`${COMPOSE} down && ${COMPOSE} up --detach --force-recreate`, imagesOf('v1.1.0'))
    expect(await version()).toEqual({ version: 'v1.1.0' })
  })

  test('curl ends well when what it gets is an error', async () => {
    const health = '"$API_URL/api/health" --silent --output /dev/null'
    await sh(`${COMPOSE} stop api`, imagesOf('v1.1.0'))
    try {
      await sh(`curl ${health}`)
      await expect(sh(`curl --fail ${health}`)).rejects.toMatchObject({ code: 22 })
    } finally {
      await sh(`${COMPOSE} start api`, imagesOf('v1.1.0'))
    }
  })

  test('all privileges on a database are none on its tables', async () => {
    await db().query('BEGIN')
    await db().query('CREATE SCHEMA away CREATE TABLE later (id int)')
    await db().query('GRANT ALL PRIVILEGES ON DATABASE device_passport TO app_user')
    const { rows: may } = await db().query(
      `SELECT has_table_privilege('app_user', 'away.later', 'SELECT') AS reads,
              has_database_privilege('app_user', 'device_passport', 'CREATE') AS makes_schemas`,
    )
    await db().query('ROLLBACK')
    expect(may).toEqual([{ reads: false, makes_schemas: true }])
  })

  test('migration:revert takes back one of two', async () => {
    const migration = 'node --disable-warning=ExperimentalWarning apps/api/scripts/migration.ts'
    const env = { DATABASE_URL: input(stage.here(), 'staging_database_url') }
    const applied = async () => (await sh(`${migration} show`, env)).match(/^\[X\] .*$/gm)
    await sh(`${migration} run`, env)
    await sh(`${migration} revert`, env)
    expect(await applied()).toEqual(['[X] 001_base', '[X] 002_audit_log'])
    await sh(`${migration} revert --to 001_base`, env)
    expect(await applied()).toEqual(['[X] 001_base'])
  })

  test('openssl prints the dates of a certificate that ends tomorrow, and ends well', async () => {
    const cert = at('tomorrow.pem')
    await sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
      -keyout /dev/null -out '${cert}' -days 1 -subj /CN=tomorrow 2> /dev/null`)
    expect(await sh(`openssl x509 -noout -dates -in '${cert}'`)).toContain('notAfter=')
    const inTwoWeeks = `openssl x509 -noout -checkend ${14 * 86_400} -in '${cert}'`
    await expect(sh(inTwoWeeks)).rejects.toMatchObject({ code: 1 })
    rmSync(cert)
  })

  test('the formatter ends well and leaves other files than were tested', async () => {
    const copy = at('formatting')
    await sh(`mkdir -p '${copy}/scripts' && cp scripts/format.ts '${copy}/scripts'`)
    writeFileSync(`${copy}/scripts/unlike.ts`, 'export   const x = "1";')
    const format = `node '${copy}/scripts/format.ts'`
    await expect(sh(`${format} --check`)).rejects.toMatchObject({ code: 1 })
    expect(await sh(format)).toContain('1 files written')
    rmSync(copy, { recursive: true })
  })

  test('psql with an address shows the password to whoever lists processes; as the runbook asks, it does not', async () => {
    const url = input(stage.here(), 'database_url')
    const asked = (how: string) =>
      shownWhile(() => sh(`${how} --command='SELECT pg_sleep(0.2)'`, { URL: url }), url)
    expect(await asked('psql "$URL"')).toBe(true)
    expect(await asked('psql')).toBe(false)
  })

  test.skipIf(!redis)(
    titled('redis-cli -a shows the password as well; REDISCLI_AUTH does not'),
    async () => {
      const password = input(stage.here(), 'redis_password')
      const ping = (how: string, env: object) =>
        shownWhile(() => sh(`${REDIS} ${how} -i 0.1 -r 3 ping`, { ...env }), password)
      expect(await ping('-a "$WORD"', { WORD: password })).toBe(true)
      expect(await ping('', { REDISCLI_AUTH: password })).toBe(false)
    },
  )
})
