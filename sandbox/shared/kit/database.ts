// The one place that knows pg. Statements and values travel apart: a value is
// always a bound parameter.
import pg from 'pg'

export interface Database {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** All of it or nothing. */
  transaction<T>(work: (query: Database['query']) => Promise<T>): Promise<T>
  end(): Promise<void>
}

// count(*) is int8, which pg hands over as text; the counts here fit a number.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

export function openDatabase(
  url: string,
  onError: (message: string) => void,
  schema?: string,
  most = 10,
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: most,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    ...(schema === undefined ? {} : { options: `-c search_path=${schema}` }),
  })
  // Without this listener an idle connection that the server closes ends the process.
  pool.on('error', (error) => onError(error.message))
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
      const result = await pool.query<Row>(text, [...values])
      return result.rows
    },
    async transaction(work) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const done = await work(
          async <Row extends object>(text: string, values: readonly unknown[] = []) => {
            const result = await client.query<Row>(text, [...values])
            return result.rows
          },
        )
        await client.query('COMMIT')
        client.release()
        return done
      } catch (error) {
        // A connection that cannot even roll back is thrown away.
        await client.query('ROLLBACK').then(
          () => client.release(),
          (lost: unknown) => client.release(lost as Error),
        )
        throw error
      }
    },
    end: () => pool.end(),
  }
}

/** Tables that are not there, in words; or that the database does not answer. Empty when all is well. */
export async function missingTables(db: Database, tables: readonly string[]): Promise<string[]> {
  try {
    const rows = await db.query<{ name: string; there: boolean }>(
      `SELECT name, to_regclass(quote_ident(name)) IS NOT NULL AS there FROM unnest($1::text[]) AS name`,
      [tables],
    )
    return rows.filter((row) => !row.there).map((row) => `table ${row.name} is missing`)
  } catch {
    return ['the database does not answer']
  }
}
