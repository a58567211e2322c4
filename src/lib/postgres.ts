/** A connection to PostgreSQL whose faults are told apart, and whose values are ready for expressions. */
import { readFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import pg from 'pg'
import { databaseAddress, databasePlace, encryption, type DatabaseAddress } from './database-url.ts'
import { parseJson } from './json.ts'

export interface Statement {
  text: string
  /** For $1, $2, …; with none, the text may hold several statements. */
  values: unknown[]
}

export interface Rows {
  rows: Record<string, unknown>[]
  row_count: number
  columns: string[]
}

export interface Database {
  /** Answers for the last of several statements. Throws with a fault. */
  query: (statement: Statement) => Promise<Rows>
  /** Asks the server to give up what it is doing; the query then throws. Best effort. */
  cancel: () => void
  /** Never throws. */
  close: () => Promise<void>
  /** Cuts the line at once. */
  destroy: () => void
}

/** unreachable: nothing was asked; lost: asked, and nobody knows; refused: the server said no. */
export interface DatabaseFault extends Error {
  databaseFault: 'unreachable' | 'lost' | 'refused'
  /** SQLSTATE, when the server gave one. */
  sqlstate?: string
}

/** The fault that an error of this file carries; undefined for any other error. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  return error instanceof Error && 'databaseFault' in error ? (error as DatabaseFault) : undefined
}

const CONNECT_MS = 10_000
const CANCEL_REQUEST = 80_877_102
/** Told by the server as it cuts the line. Its severity would tell too, but in its language. */
const GOING_DOWN = /^57P|^0800/

const wholeNumber = (text: string) => {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** `2024-05-01 10:00:00.5+02` -> `2024-05-01T10:00:00.5+02:00`; `infinity` and years BC stay. */
function isoTime(text: string): string {
  const [, date, time, zone] = /^(\d{4}-\d\d-\d\d) ([\d:.]+)([+-]\d\d(?::\d\d)?)?$/.exec(text) ?? []
  if (date === undefined || time === undefined) return text
  const offset = zone === undefined ? '' : zone.length === 3 ? `${zone}:00` : zone
  return `${date}T${time}${offset === '+00:00' ? 'Z' : offset}`
}

const {
  INT8,
  NUMERIC,
  JSON: JSON_TYPE,
  JSONB,
  DATE,
  TIMESTAMP,
  TIMESTAMPTZ,
  INTERVAL,
  BYTEA,
} = pg.types.builtins
const INT8_ARRAY = 1016
const same = (text: string) => text
const parsers = new Map<number, (text: string) => unknown>([
  [INT8, wholeNumber],
  [NUMERIC, Number],
  [JSON_TYPE, parseJson],
  [JSONB, parseJson],
  [DATE, same],
  [TIMESTAMP, isoTime],
  [TIMESTAMPTZ, isoTime],
  [INTERVAL, same],
  [BYTEA, same],
])

type Parse = (text: string) => unknown
const types = {
  getTypeParser: (oid: number, format?: string): Parse => {
    const usual = pg.types.getTypeParser(oid, format as 'text') as Parse
    if (oid === INT8_ARRAY) return (text) => deep(usual(text))
    return parsers.get(oid) ?? usual
  },
} as unknown as pg.CustomTypesConfig

function deep(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map(deep)
    : typeof value === 'string'
      ? wholeNumber(value)
      : value
}

function fault(
  kind: DatabaseFault['databaseFault'],
  message: string,
  cause: unknown,
): DatabaseFault {
  const sqlstate = cause instanceof pg.DatabaseError ? cause.code : undefined
  return Object.assign(new Error(message), {
    databaseFault: kind,
    ...(sqlstate === undefined ? {} : { sqlstate }),
  })
}

/** What the server said, whole: with where, why and what to do about it. */
function saying(error: pg.DatabaseError): string {
  const at = error.position === undefined ? '' : `, at character ${error.position}`
  const lines = [`${error.message} (SQLSTATE ${error.code ?? '?'}${at})`]
  if (error.detail !== undefined) lines.push(error.detail)
  if (error.hint !== undefined) lines.push(error.hint)
  return lines.join('\n')
}

const reason = (error: unknown) => {
  const { message, code, errors } = error as Error & { code?: string; errors?: Error[] }
  return message || errors?.map((one) => one.message).join('; ') || code || 'no reason given'
}

function tls(address: DatabaseAddress, encrypted: boolean): pg.ClientConfig['ssl'] {
  if (!encrypted) return false
  const ca =
    address.sslrootcert === undefined ? {} : { ca: readFileSync(address.sslrootcert, 'utf8') }
  const verified = encryption(address) === 'verified'
  // verify-ca is about the issuer, not about the host's name.
  const anyName = address.sslmode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}
  return { rejectUnauthorized: verified, ...ca, ...anyName }
}

/**
 * Connects. Throws a fault `unreachable` that names the place and never the password, also for a
 * wrong password, a missing database or a server that is starting up.
 */
export async function connect(
  url: string,
  options: { connect_ms?: number; notice?: (text: string) => void } = {},
): Promise<Database> {
  const address = databaseAddress(url)
  const { host, port, user, password, database } = address
  const open = async (encrypted: boolean) => {
    const client = new pg.Client({
      host,
      port,
      database,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ssl: tls(address, encrypted),
      connectionTimeoutMillis: options.connect_ms ?? CONNECT_MS,
      keepAlive: true,
      application_name: 'runbook',
      types,
    })
    // Without it a server that goes away between two queries would end the whole tool.
    client.on('error', () => {})
    client.on('notice', ({ severity, message }) => {
      options.notice?.(`${severity ?? 'NOTICE'}: ${message ?? ''}\n`)
    })
    await client.connect()
    return client
  }
  const wish = encryption(address)
  try {
    const client = await open(wish !== 'none').catch((error: unknown) => {
      if (wish === 'maybe' && /does not support SSL/.test(reason(error))) return open(false)
      throw error
    })
    return lines(client, address)
  } catch (error) {
    throw fault(
      'unreachable',
      `no connection to ${databasePlace(address)}: ${reason(error)}`,
      error,
    )
  }
}

function lines(client: pg.Client, { host, port }: DatabaseAddress): Database {
  const destroy = () => void client.connection.stream.destroy()
  return {
    async query({ text, values }) {
      try {
        // With values it is prepared: what they hold is never read as SQL.
        const answer = (await client.query(values.length === 0 ? { text } : { text, values })) as
          pg.QueryResult | pg.QueryResult[]
        const last = Array.isArray(answer) ? answer.at(-1) : answer
        return {
          rows: (last?.rows ?? []) as Record<string, unknown>[],
          row_count: last?.rowCount ?? 0,
          columns: last?.fields.map(({ name }) => name) ?? [],
        }
      } catch (error) {
        if (error instanceof pg.DatabaseError && !GOING_DOWN.test(error.code ?? '')) {
          throw fault('refused', saying(error), error)
        }
        throw fault('lost', `the connection was lost: ${reason(error)}`, error)
      }
    },
    cancel() {
      const { processID, secretKey } = client as unknown as Record<string, number>
      const packet = Buffer.alloc(16)
      packet.writeInt32BE(16, 0)
      packet.writeInt32BE(CANCEL_REQUEST, 4)
      packet.writeInt32BE(processID ?? 0, 8)
      packet.writeInt32BE(secretKey ?? 0, 12)
      const socket = host.startsWith('/') ? dial(`${host}/.s.PGSQL.${port}`) : dial(port, host)
      socket.on('error', () => {})
      socket.end(packet)
    },
    async close() {
      // A goodbye: what was asked has been answered, and a server that is gone needs none.
      await Promise.race([
        client.end().catch(() => {}),
        new Promise((resolve) => setTimeout(resolve, 1000).unref()),
      ])
      destroy()
    },
    destroy,
  }
}
