import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { jsonSchema } from '../../src/language/schema.ts'

test('the JSON Schema that is checked in is the one of the language (npm run schema rewrites it)', () => {
  const kept: unknown = JSON.parse(readFileSync('schema/runbook.schema.json', 'utf8'))
  expect(kept).toEqual(jsonSchema())
})
