// Looks at a whole database: a digest of its schema and of its data, and the
// proof that a backup of it restores. One file for both, because a restored
// backup is compared by the very same digests.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

/**
 * @typedef {{ schema: string[], setting: string[], tables: Record<string, { rows: number, digest: string, sequence: boolean }> }} Description
 * @typedef {{ structure: string, data: string, rows: number }} Known
 * @typedef {{ database: string, expected_schema: string, expected_data: string, namespace: string }} Wanted
 * @typedef {{ file: string, database: string, scratch: string, structure: string, data: string, rows: number, tolerance_percent: number, within_s: number }} Restoring
 */

/** @param {string} text */
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

/** @param {string} url */
async function connect(url) {
  const at = new URL(url)
  // sslmode means what it means to psql.
  if (at.searchParams.has('sslmode')) at.searchParams.set('uselibpqcompat', 'true')
  const client = new pg.Client({ connectionString: at.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

// Schemas of people; what belongs to an extension is described by the extension's name.
const OURS = `n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND current_setting('runbook.namespace') IN ('', n.nspname)`
/** @param {string} catalog @param {string} oid */
const notOfExtension = (catalog, oid) =>
  `NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`

const SCHEMA = `
  SELECT 'column ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' '
         || (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                    pg_get_expr(e.adbin, e.adrelid), nullif(a.attidentity, ''), nullif(a.attgenerated, '')), ', ' ORDER BY a.attnum)
               FROM pg_attribute a LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND ${OURS} AND ${notOfExtension('pg_class', 'c.oid')}
  UNION ALL
  SELECT 'constraint ' || n.nspname || '.' || c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}
  UNION ALL
  SELECT 'index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (not valid)' END
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}
  UNION ALL
  SELECT 'view ' || n.nspname || '.' || c.relname || ' ' || pg_get_viewdef(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('v', 'm') AND ${OURS} AND ${notOfExtension('pg_class', 'c.oid')}
  UNION ALL
  SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE p.prokind IN ('f', 'p') AND ${OURS} AND ${notOfExtension('pg_proc', 'p.oid')}
  UNION ALL
  SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND ${OURS}
  UNION ALL
  SELECT 'enum ' || n.nspname || '.' || t.typname || ' ' || string_agg(quote_literal(l.enumlabel), ',' ORDER BY l.enumsortorder)
    FROM pg_enum l JOIN pg_type t ON t.oid = l.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE ${OURS} AND ${notOfExtension('pg_type', 't.oid')} GROUP BY n.nspname, t.typname`

// Owners and grants are not restored into a scratch database, so they are apart.
const SETTING = `
  SELECT 'extension ' || extname || ' ' || extversion AS line FROM pg_extension
  UNION ALL
  SELECT 'rights ' || n.nspname || '.' || c.relname || ' ' || c.relowner::regrole::text || ' ' || coalesce(c.relacl::text, '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND ${OURS} AND ${notOfExtension('pg_class', 'c.oid')}`

const TABLES = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'S' AS sequence
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'S') AND ${OURS} AND ${notOfExtension('pg_class', 'c.oid')}`

/** @param {pg.Client} client @param {string} sql @returns {Promise<string[]>} */
const lines = async (client, sql) => {
  /** @type {pg.QueryResult<{ line: string | null }>} */
  const { rows } = await client.query(sql)
  return rows.map((row) => row.line ?? '').sort()
}

/** @param {string} url @param {string} [namespace] @returns {Promise<Description>} */
async function describe(url, namespace = '') {
  const client = await connect(url)
  try {
    // One moment in time, and the same text for the same value whatever the server's settings.
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
      SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601';
      SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL search_path = pg_catalog`)
    await client.query(`SELECT set_config('runbook.namespace', $1, true)`, [namespace])
    const schema = await lines(client, SCHEMA)
    const setting = await lines(client, SETTING)
    /** @type {Description['tables']} */
    const tables = {}
    /** @type {pg.QueryResult<{ name: string, sequence: boolean }>} */
    const all = await client.query(TABLES)
    for (const { name, sequence } of all.rows) {
      // A row's digest is 32 bytes, so the order and the sum of a large table stay affordable.
      /** @type {pg.QueryResult<{ n: number, digest: string }>} */
      const { rows } = await client.query(
        sequence
          ? `SELECT 1 AS n, last_value || ' ' || is_called AS digest FROM ${name}`
          : `SELECT count(*)::int AS n, md5(coalesce(string_agg(h, '' ORDER BY h COLLATE "C"), '')) AS digest FROM (SELECT md5(t::text) AS h FROM ${name} t) x`,
      )
      const { n = 0, digest = '' } = rows[0] ?? {}
      tables[name] = { rows: n, digest, sequence }
    }
    return { schema, setting, tables }
  } finally {
    await client.end()
  }
}

/** @param {Description['tables']} tables */
const countRows = (tables) =>
  Object.values(tables).reduce((sum, t) => sum + (t.sequence ? 0 : t.rows), 0)

/** @param {Description} description */
function digests({ schema, setting, tables }) {
  return {
    structure: sha256(schema.join('\n')),
    schema: sha256([...schema, ...setting].join('\n')),
    data: sha256(
      Object.keys(tables)
        .sort()
        .map((name) => `${name} ${tables[name]?.rows} ${tables[name]?.digest}`)
        .join('\n'),
    ),
    tables: Object.values(tables).filter((t) => !t.sequence).length,
    rows: countRows(tables),
  }
}

/** @param {Wanted} wanted */
async function fingerprint({ database, expected_schema, expected_data, namespace }) {
  const found = digests(await describe(database, namespace))
  return {
    ...found,
    same_schema: !expected_schema || expected_schema === found.schema,
    same_data: !expected_data || expected_data === found.data,
  }
}

/**
 * pg_restore takes its address from the environment: a command line is public.
 * @param {string} url
 * @param {string} name
 * @returns {NodeJS.ProcessEnv}
 */
function clientEnv(url, name) {
  const at = new URL(url)
  return {
    ...process.env,
    PGHOST: at.searchParams.get('host') ?? at.hostname,
    PGPORT: at.port === '' ? '5432' : at.port,
    PGUSER: decodeURIComponent(at.username),
    PGPASSWORD: decodeURIComponent(at.password),
    PGDATABASE: name,
    ...(at.searchParams.has('sslmode') && { PGSSLMODE: at.searchParams.get('sslmode') ?? '' }),
  }
}

/**
 * Empty when it restored; else what pg_restore said.
 * @param {string} url
 * @param {string} name
 * @param {string} file
 */
async function restoreInto(url, name, file) {
  const dir = mkdtempSync(join(tmpdir(), 'runbook-restore-'))
  try {
    const quiet = { quiet: true, nothrow: true, env: clientEnv(url, name) }
    /** @param {import('zx').ProcessOutput} result */
    const said = (result) => {
      // Killed, not there, too old or without a server: nothing was learnt about the file.
      if (
        result.exitCode === null ||
        result.exitCode >= 126 ||
        /unsupported version|connection to server|server closed the connection/.test(result.stderr)
      )
        throw new Error(`pg_restore did not run: ${result.stderr.slice(0, 300)}`)
      return result.exitCode === 0
        ? ''
        : result.stderr.split('\n')[0]?.slice(0, 300) || 'pg_restore failed'
    }
    const { $ } = await import('zx/core')
    const list = await $(quiet)`pg_restore --list ${file}`
    if (said(list) !== '') return said(list)
    // The statistics extension needs a superuser and holds no data of ours.
    const wanted = list.stdout.split('\n').filter((l) => !/EXTENSION .*pg_stat_statements/.test(l))
    writeFileSync(join(dir, 'list'), wanted.join('\n'))
    return said(
      await $(
        quiet,
      )`pg_restore --exit-on-error --no-owner --no-privileges --use-list=${join(dir, 'list')} --dbname=${name} ${file}`,
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const PREFIX = 'runbook_scratch_'

/** @param {Restoring} restoring */
async function restores({ file, database, scratch, within_s, ...known }) {
  const began = performance.now()
  const admin = await connect(scratch || database)
  const name = `${PREFIX}${Date.now()}_${randomBytes(4).toString('hex')}`
  try {
    // What a killed check left an hour ago goes first.
    /** @type {pg.QueryResult<{ datname: string }>} */
    const old = await admin.query(
      `SELECT datname FROM pg_database WHERE datname LIKE '${PREFIX.replaceAll('_', '\\_')}%'`,
    )
    for (const { datname } of old.rows) {
      if (Number(datname.split('_')[2]) < Date.now() - 3_600_000)
        await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(datname)}`)
    }
    // From template0: what somebody added to template1 would collide with the backup.
    await admin.query(`CREATE DATABASE ${name} TEMPLATE template0`)
    try {
      const url = new URL(scratch || database)
      url.pathname = `/${name}`
      const reason = await restoreInto(url.href, name, file)
      if (reason !== '')
        return {
          restored: false,
          reason,
          tables: 0,
          rows: 0,
          same_schema: false,
          same_rows: false,
          in_time: true,
          differing: [],
        }
      const took_s = Math.round((performance.now() - began) / 100) / 10
      const restored = await describe(url.href)
      const told = known.structure ? known : undefined
      return {
        restored: true,
        reason,
        took_s,
        in_time: within_s === 0 || took_s <= within_s,
        ...compare(
          told,
          told ? undefined : await describe(database),
          restored,
          known.tolerance_percent,
        ),
      }
    } finally {
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    }
  } finally {
    await admin.end()
  }
}

/**
 * Against what was written down of the database when the backup was taken, else against the database
 * as it is. Where it was in use meanwhile, numbers of rows are compared within a tolerance, not contents.
 * @param {Known | undefined} known
 * @param {Description | undefined} source
 * @param {Description} restored
 * @param {number} tolerance
 */
function compare(known, source, restored, tolerance) {
  const found = digests(restored)
  const want = known ?? (source ? digests(source) : found)
  const near =
    Math.abs(want.rows - found.rows) <= (Math.max(want.rows, found.rows) * tolerance) / 100
  const names = source
    ? [...new Set([...Object.keys(source.tables), ...Object.keys(restored.tables)])]
    : []
  return {
    tables: found.tables,
    rows: found.rows,
    same_schema: want.structure === found.structure,
    same_rows: tolerance > 0 ? near : want.data === found.data,
    differing: names
      .filter((name) => source?.tables[name]?.digest !== restored.tables[name]?.digest)
      .sort(),
  }
}

/** @param {({ do: 'restores' } & Restoring) | ({ do: 'fingerprint' } & Wanted)} args */
export default async (args) => {
  try {
    return await (args.do === 'restores' ? restores(args) : fingerprint(args))
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
