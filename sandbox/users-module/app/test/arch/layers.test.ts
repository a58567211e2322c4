import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const src = join(import.meta.dirname, '../../src')
const files = readdirSync(src).filter((name) => name.endsWith('.ts'))
const imports = (file: string): string[] =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/from '([^']+)'/g)].map(
    ([, path]) => path ?? '',
  )

test('only the data source and the migrations know TypeORM', () =>
  assert.deepEqual(
    files.filter((f) => imports(f).includes('typeorm')),
    ['data-source.ts'],
  ))
test('only passwords.ts knows bcrypt', () =>
  assert.deepEqual(
    files.filter((f) => imports(f).includes('bcryptjs')),
    ['passwords.ts'],
  ))
test('no module knows another one', () => {
  for (const one of ['auth.ts', 'directory.ts'])
    assert.equal(
      imports(one).some((path) => /\/(auth|directory|modules|server)\.ts$/.test(path)),
      false,
    )
})
test('nothing but main.ts reads the environment of the process, and the data source', () =>
  assert.deepEqual(
    files.filter((f) => readFileSync(join(src, f), 'utf8').includes('process.env')).sort(),
    ['data-source.ts', 'main.ts'],
  ))
