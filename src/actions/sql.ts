/** `sql`: statements on a PostgreSQL database; every value is a parameter, never text. */
import type { Action, SqlSource } from '../core/runbook.ts'
import { textOf } from '../core/templates.ts'
import type { Database, DatabaseFault, Rows, Statement } from '../lib/postgres.ts'
import { isTransactional, splitStatements } from '../lib/sql-text.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import { within } from './within.ts'

type Sql = Extract<Action, { verb: 'sql' }>

/** More rows than any expectation looks at; the count stays whole. */
const MOST_ROWS = 10_000

function statementOf(source: SqlSource, context: ActionContext): Statement {
  if ('file' in source) return { text: context.file(source.file), values: [] }
  const values: unknown[] = []
  const text = context.pieces(source.statement).map((piece) => {
    if ('text' in piece) return piece.text
    values.push(parameter(piece.value))
    return `$${values.length}`
  })
  return { text: text.join(''), values }
}

/** What the driver does not know how to send: whole numbers, and structures, which go as JSON. */
function parameter(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(parameter)
  if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
    return JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'bigint' ? Number(part) : part,
    )
  }
  return value ?? null
}

/** The statements as they are sent, one by one; without a transaction each stands alone. */
function sequence(action: Sql, context: ActionContext): Statement[] {
  const statements = action.statements.map((source) => statementOf(source, context))
  if (!action.transaction) {
    return statements.flatMap((statement) =>
      statement.values.length > 0
        ? [statement]
        : splitStatements(statement.text).map((text) => ({ text, values: [] })),
    )
  }
  // One text is one transaction by itself, also when it brings its own BEGIN and COMMIT.
  if (statements.length < 2) return statements
  const bare = (text: string) => ({ text, values: [] })
  return [bare('BEGIN'), ...statements, bare('COMMIT')]
}

/** `sent` gets each statement as it goes out. */
async function sendAll(
  database: Database,
  statements: Statement[],
  sent: Statement[],
): Promise<Rows> {
  let last: Rows = { rows: [], row_count: 0, columns: [] }
  for (const statement of statements) {
    sent.push(statement)
    const rows = await database.query(statement)
    if (statement.text !== 'BEGIN' && statement.text !== 'COMMIT') last = rows
  }
  return last
}

/**
 * SQLSTATEs that leave open what became of it: of the connection, of the server's own trouble, of
 * another server behind it, and the one that says so.
 */
const OPEN = /^(?:08|25P|40003|57P|58|F0|HV|XX)/

/**
 * Whether nothing is changed, for certain: the server said no, and all that it had been sent was one
 * transaction, whose end it had not been asked for.
 */
function changedNothing(
  action: Sql,
  sent: readonly Statement[],
  fault: DatabaseFault | undefined,
): boolean {
  return (
    action.transaction &&
    fault?.databaseFault === 'refused' &&
    fault.sqlstate !== undefined &&
    !OPEN.test(fault.sqlstate) &&
    sent.at(-1)?.text !== 'COMMIT' &&
    sent.every(({ text }) => text === 'BEGIN' || isTransactional(text))
  )
}

/** What a person does about the errors that only our parameters can cause. */
function advice({ sqlstate, message }: DatabaseFault): string {
  if (sqlstate === '08P01') {
    return `${message}\na value inside quotes stays text: write \${{ … }} without quotes around it`
  }
  if (sqlstate === '42601' && message.includes('multiple commands')) {
    return `${message}\na statement with \${{ … }} must stand alone: make it a list of statements`
  }
  return message
}

export const sql: Verb<'sql'> = {
  async perform(action, context) {
    const began = performance.now()
    const statements = sequence(action, context)
    // The driver is large, and most commands need none.
    const { connect, databaseFault } = await import('../lib/postgres.ts')
    let database: Database
    try {
      database = await connect(textOf(context.resolve(action.database)), {
        connect_ms: Math.min(context.timeout_ms, 10_000),
        notice: (text) => context.output(text),
      })
    } catch (error) {
      const fault = databaseFault(error)
      if (fault === undefined) throw error
      return { fields: {}, problem: { kind: 'cannot_tell', message: fault.message } }
    }
    const sent: Statement[] = []
    const unchanged = (fault: DatabaseFault | undefined) =>
      changedNothing(action, sent, fault) ? ({ unchanged: true } as const) : {}
    try {
      await context.gate()
      const work = () => sendAll(database, statements, sent)
      const asked = await within(context, work, database.cancel)
      if ('late' in asked) {
        database.destroy()
        const fault = databaseFault(asked.error)
        const sure = unchanged(fault)
        const known = sure.unchanged
          ? 'the server gave it up and changed nothing'
          : fault?.databaseFault === 'refused' && !action.transaction && statements.length > 1
            ? 'the server gave it up; the statements before it took effect'
            : 'whether it took effect is not known'
        const why = asked.late === 'timeout' ? 'no answer in time' : 'interrupted'
        return { fields: {}, problem: { kind: asked.late, message: `${why}; ${known}` }, ...sure }
      }
      return answered(asked.value, Math.round(performance.now() - began))
    } catch (error) {
      const fault = databaseFault(error)
      if (fault === undefined) throw error
      const kind = fault.databaseFault === 'refused' ? 'failed' : 'cannot_tell'
      return { fields: {}, problem: { kind, message: advice(fault) }, ...unchanged(fault) }
    } finally {
      await database.close()
    }
  },
}

function answered({ rows, row_count, columns }: Rows, duration_ms: number): Outcome {
  const seen = rows.slice(0, MOST_ROWS)
  const left = rows.length - seen.length
  return {
    fields: { rows: seen, row_count, columns, duration_ms },
    ...(left > 0
      ? { notes: [`expectations see the first ${MOST_ROWS} of ${rows.length} rows`] }
      : {}),
  }
}
