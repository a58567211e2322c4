// What tables hold: rows that must not change, password hashes, migrations. The
// names of tables and columns are quoted by the driver; values are parameters.
import { readdirSync } from 'node:fs'
import { parse } from 'node:path'
import pg from 'pg'

/**
 * @typedef {{ database: string, schema: string, table: string }} Place
 * @typedef {Place & { columns: string, expected: string, before_column: string, before: string }} Rows
 * @typedef {Place & { column: string, rounds: number }} Hashes
 * @typedef {Place & { column: string, version: string }} Recorded
 * @typedef {Place & { tool: string, command: string, folder: string, column: string, head: string }} Pending
 */

/**
 * The answer of one question. The rows are counted and digested by the server, in one way whatever its settings.
 * @template {Record<string, unknown>} Row
 * @param {string} database
 * @param {string} sql
 * @param {unknown[]} values
 * @returns {Promise<Row[]>}
 */
async function ask(database, sql, values = []) {
  const url = new URL(database)
  // sslmode means what it means to psql.
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(`BEGIN READ ONLY; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO';
      SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1`)
    /** @type {pg.QueryResult<Row>} */
    const { rows } = await client.query(sql, values)
    return rows
  } finally {
    await client.end()
  }
}

const quoted = pg.escapeIdentifier
/** @param {Place} place */
const nameOf = ({ schema, table }) => `${quoted(schema)}.${quoted(table)}`

/** The columns of a table; none when there is no such table. @param {Place} place */
async function columnsOf({ database, schema, table }) {
  /** @type {{ name: string }[]} */
  const rows = await ask(
    database,
    `SELECT a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [schema, table],
  )
  return rows.map(({ name }) => name)
}

/** @param {Rows} wanted */
async function rows({ columns, expected, before_column, before, ...place }) {
  const there = await columnsOf(place)
  const given = columns.split(/\s+/).filter((name) => name !== '')
  const needed = before_column === '' ? given : [...given, before_column]
  const missing = needed.filter((name) => !there.includes(name))
  if (there.length === 0 || missing.length > 0)
    return { there: there.length > 0, missing, rows: 0, digest: '', unchanged: false }
  const row = (given.length > 0 ? given : there).map(quoted).join(', ')
  const where = before_column === '' ? '' : `WHERE ${quoted(before_column)} < $1::timestamptz`
  /** @type {{ n: number, digest: string }[]} */
  const [found] = await ask(
    place.database,
    `SELECT count(*)::int AS n, encode(sha256(convert_to(coalesce(string_agg(h, '' ORDER BY h COLLATE "C"), ''), 'UTF8')), 'hex') AS digest
       FROM (SELECT md5(ROW(${row})::text) AS h FROM ${nameOf(place)} ${where}) x`,
    before_column === '' ? [] : [before],
  )
  const { n = 0, digest = '' } = found ?? {}
  return { there: true, missing, rows: n, digest, unchanged: !expected || expected === digest }
}

/** @param {Hashes} wanted */
async function hashes({ column, rounds, ...place }) {
  const there = await columnsOf(place)
  if (!there.includes(column)) return { there: false, hashes: 0, others: 0, weak: 0 }
  const value = quoted(column)
  /** @type {{ hashes: number, others: number, weak: number }[]} */
  const [found] = await ask(
    place.database,
    `SELECT count(*)::int AS hashes, count(*) FILTER (WHERE cost IS NULL)::int AS others, count(*) FILTER (WHERE cost < $1::int)::int AS weak
       FROM (SELECT substring(${value}::text from '^\\$2[aby]\\$(\\d\\d)\\$[./A-Za-z0-9]{53}$')::int AS cost
               FROM ${nameOf(place)} WHERE ${value} IS NOT NULL) x`,
    [rounds],
  )
  if (!found?.hashes) return { cannot_tell: 'the column holds no password yet' }
  return { there: true, ...found }
}

/** @param {Recorded} wanted */
async function recorded({ column, version, ...place }) {
  if (!(await columnsOf(place)).includes(column)) return { there: false, times: 0 }
  /** @type {{ n: number }[]} */
  const [found] = await ask(
    place.database,
    `SELECT count(*)::int AS n FROM ${nameOf(place)} WHERE ${quoted(column)}::text = $1`,
    [version],
  )
  return { there: true, times: found?.n ?? 0 }
}

/** What a tool printed; a tool that is not there, or was killed, says nothing. @param {string[]} argv */
async function printed(argv) {
  const { $ } = await import('zx/core')
  const { exitCode, stdout, stderr } = await $({ quiet: true, nothrow: true })`${argv}`
  const text = `${stdout}\n${stderr}`.replace(/\u001b\[[0-9;]*m/g, '')
  const last = text.trim().split('\n').at(-1) ?? ''
  if (exitCode === null || exitCode >= 126) throw new Error(`${argv[0]} did not run: ${last}`)
  return { exitCode, text, last, stdout }
}

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== '')

/** Each tool by its own words. @type {Record<string, (wanted: Pending) => Promise<Record<string, unknown>>>} */
const TOOLS = {
  async files({ folder, column, ...place }) {
    const names = readdirSync(folder)
      .filter((name) => /\.(sql|m?[jt]s|py)$/.test(name) && !/[._]down\.|\.d\.ts$/.test(name))
      .map((name) => parse(name).name.replace(/\.up$/, ''))
      .sort()
    if (names.length === 0) throw new Error(`there are no migrations in ${folder}`)
    /** @type {{ version: string }[]} */
    const done = (await columnsOf(place)).includes(column)
      ? await ask(place.database, `SELECT ${quoted(column)}::text AS version FROM ${nameOf(place)}`)
      : []
    const versions = done.map(({ version }) => version)
    // Some record the whole name, others the number before it.
    const pending = names.filter(
      (name) => !versions.some((version) => name === version || name.startsWith(`${version}_`)),
    )
    return { pending, applied: names.length - pending.length }
  },

  async prisma({ command }) {
    const { text, last, exitCode } = await printed(words(command || 'npx prisma migrate status'))
    const [, applied = '0'] = /(\d+) migrations? found/.exec(text) ?? []
    if (/Database schema is up to date/.test(text) && exitCode === 0)
      return { pending: [], applied: Number(applied) }
    if (/not yet been applied|have failed|are different|not managed by Prisma/.test(text)) {
      const names = [...text.matchAll(/^\s*(\d{10,}_\w+)\s*$/gm)].map(([, name]) => name)
      return { pending: names.length > 0 ? names : [last], applied: 0 }
    }
    throw new Error(`prisma does not say where it stands: ${last}`)
  },

  async typeorm({ command }) {
    const { text, last } = await printed(words(command || 'npm run typeorm -- migration:show'))
    const all = [...text.matchAll(/^\s*\[([X ])\]\s+(?:\d+\s+)?(\S+)\s*$/gm)]
    if (all.length === 0) throw new Error(`typeorm shows no migrations: ${last}`)
    const pending = all.flatMap(([, mark, name]) => (mark === ' ' ? [name] : []))
    return { pending, applied: all.length - pending.length }
  },

  async alembic({ command, head }) {
    /** @param {string} word */
    const revisions = async (word) => {
      const { exitCode, stdout, last } = await printed([...words(command || 'alembic'), word])
      if (exitCode !== 0) throw new Error(`alembic ${word}: ${last}`)
      return [...stdout.matchAll(/^(\w+)(?: \(.*\))?\s*$/gm)].map(([, revision]) => revision)
    }
    const heads = await revisions('heads')
    if (heads.length === 0) throw new Error('alembic knows no migrations')
    const current = await revisions('current')
    const wanted = head === '' ? heads : [head]
    return { pending: wanted.filter((one) => !current.includes(one)), applied: current.length }
  },
}

const QUESTIONS = {
  rows,
  hashes,
  recorded,
  pending: (/** @type {Pending} */ p) => TOOLS[p.tool]?.(p),
}

/** @param {{ do: keyof typeof QUESTIONS } & Rows & Hashes & Recorded & Pending} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do](args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
