import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { listRunbooks } from '../../src/language/read.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { DOCUMENTS, rowsNamed, rowsOfDocument } from './rows.ts'

// Thousands of lines of YAML, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const root = join(import.meta.dirname, '../..')
const written = Object.keys(DOCUMENTS)

test('there are 96 rows in five documents', () => {
  expect(Object.keys(DOCUMENTS).flatMap(rowsOfDocument).length).toBe(96)
})

test('there is a runbook for every document', async () => {
  const found = (await listRunbooks(root)).map(({ name }) => name)
  expect(found.sort()).toEqual(written.sort())
})

test.each(written)('%s: every row of its document is named by a step or an input', async (name) => {
  const { runbook } = await loadRunbook(name, root)
  expect(rowsNamed(runbook)).toEqual(rowsOfDocument(name))
})

// A row that is named is not yet one that works: the test of each sandbox demands that it ran.
test.each(written)('%s: its sandbox is asked whether every row ran', (name) => {
  const folders = [import.meta.dirname, join(import.meta.dirname, '../systems')]
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
  const ofIt = files.filter((file) => basename(file).startsWith(`${name}.`))
  const texts = ofIt.map((file) => readFileSync(file, 'utf8'))
  expect(texts.join('')).toMatch(/^ *expectEveryRow\(NAME/m)
})
