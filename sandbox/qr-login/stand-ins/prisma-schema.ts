// Compares what schema.prisma declares with what a database has. Both are
// written as one set of lines, so that the difference is the difference of sets.
import type pg from 'pg'

const TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  Int: 'int4',
  BigInt: 'int8',
  Boolean: 'bool',
  Float: 'float8',
}

function columnType(type: string, rest: string): string {
  if (type !== 'DateTime') return TYPES[type] ?? type
  return rest.includes('@db.Timestamptz') ? 'timestamptz' : 'timestamp'
}

const list = (text: string): string =>
  text
    .split(',')
    .map((s) => s.trim())
    .join(',')

/** The lines that a schema file stands for. */
export function declared(schema: string): Set<string> {
  const lines = new Set<string>()
  const models = [...schema.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)]
  const names = new Set(models.map((m) => m[1]))
  for (const [, model = '', body = ''] of models) {
    lines.add(`table ${model}`)
    for (const raw of body.split('\n')) {
      const line = raw.trim()
      const block = /^@@(id|unique|index)\(\[([^\]]+)\]/.exec(line)
      if (block !== null) {
        const kind =
          block[1] === 'id' ? 'primary key' : block[1] === 'unique' ? 'unique index' : 'index'
        lines.add(`${kind} on ${model}(${list(block[2] ?? '')})`)
        continue
      }
      const field = /^(\w+)\s+(\w+)(\?|\[\])?\s*(.*)$/.exec(line)
      if (field === null || line.startsWith('//')) continue
      const [, name = '', type = '', mark = '', rest = ''] = field
      if (names.has(type)) {
        const relation = /@relation\(fields: \[([^\]]+)\], references: \[([^\]]+)\]/.exec(rest)
        if (relation !== null)
          lines.add(
            `foreign key ${model}(${list(relation[1] ?? '')}) to ${type}(${list(relation[2] ?? '')})`,
          )
        continue
      }
      lines.add(`column ${model}.${name} ${columnType(type, rest)}${mark === '?' ? ' null' : ''}`)
      if (/@id\b/.test(rest)) lines.add(`primary key on ${model}(${name})`)
      if (/@unique\b/.test(rest)) lines.add(`unique index on ${model}(${name})`)
    }
  }
  return lines
}

const FOUND = `
  WITH t AS (
    SELECT oid, relname FROM pg_class
     WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND relname <> '_prisma_migrations')
  SELECT 'table ' || relname AS line FROM t
  UNION ALL
  SELECT 'column ' || t.relname || '.' || a.attname || ' ' || ty.typname || CASE WHEN a.attnotnull THEN '' ELSE ' null' END
    FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type ty ON ty.oid = a.atttypid
  UNION ALL
  SELECT CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisunique THEN 'unique index' ELSE 'index' END || ' on ' || t.relname || '('
         || (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(att, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.att) || ')'
    FROM t JOIN pg_index i ON i.indrelid = t.oid
  UNION ALL
  SELECT 'foreign key ' || t.relname || '(' || (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(att, n) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att)
         || ') to ' || (SELECT relname FROM pg_class WHERE oid = c.confrelid) || '('
         || (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k(att, n) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.att) || ')'
    FROM t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype = 'f'`

/** The lines that a database stands for. */
export async function found(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ line: string }>(FOUND)
  return new Set(rows.map((row) => row.line))
}

export function differences(want: ReadonlySet<string>, have: ReadonlySet<string>): string[] {
  const missing = [...want]
    .filter((line) => !have.has(line))
    .map((line) => `[+] missing in the database: ${line}`)
  const extra = [...have]
    .filter((line) => !want.has(line))
    .map((line) => `[-] not declared: ${line}`)
  return [...missing, ...extra].sort()
}
