// The one place that knows pg. Statements and values travel apart: a value is
// always a bound parameter.
import pg from 'pg'

export interface Database {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  end(): Promise<void>
}

// count(*) is int8, which pg hands over as text; the counts here fit a number.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

export function openDatabase(
  url: string,
  onError: (message: string) => void,
  schema?: string,
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
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
    end: () => pool.end(),
  }
}
