// What both scripts need: the database, the key, and every confidential value, a batch at a time.
import pg from 'pg'
import { makeCipher, readKey } from '../src/security/cipher.ts'

/** @param {string} name */
function needed(name) {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

export const COLUMNS = /** @type {const} */ (['two_factor_secret', 'phone_number'])
const BATCH = 500

/**
 * @typedef {{ id: string } & Record<string, string | null>} Row
 * @typedef {{ client: pg.Client, cipher: import('../src/security/cipher.ts').Cipher, plain: boolean }} World
 */

/** @param {(world: World) => Promise<Record<string, unknown>>} work what it returns is printed as JSON */
export async function withWorld(work) {
  const cipher = makeCipher(readKey(needed('SYSTEM_ENCRYPTION_KEY')))
  const client = new pg.Client({
    connectionString: needed('DATABASE_URL'),
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query(
      `SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'users' AND column_name = 'phone_number'`,
    )
    const told = await work({ client, cipher, plain: rows.length === 1 })
    process.stdout.write(`${JSON.stringify(told)}\n`)
  } finally {
    await client.end()
  }
}

/**
 * The rows after an id, in the order of their ids.
 * @param {World} world
 * @param {string} after
 * @param {string} lock
 * @returns {Promise<Row[]>}
 */
export async function batchAfter({ client, plain }, after, lock = '') {
  const columns = COLUMNS.flatMap((c) => [plain ? c : `NULL AS ${c}`, `encrypted_${c}`])
  const { rows } = await client.query(
    `SELECT id, ${columns.join(', ')} FROM users WHERE id > $1 ORDER BY id LIMIT ${BATCH} ${lock}`,
    [after],
  )
  return /** @type {Row[]} */ (rows)
}

/**
 * What a sealed value holds; undefined when it cannot be opened.
 * @param {World} world
 * @param {Row} row
 * @param {typeof COLUMNS[number]} column
 */
export function opened({ cipher }, row, column) {
  try {
    return cipher.open(column, row.id, row[`encrypted_${column}`] ?? '')
  } catch {
    return undefined
  }
}
