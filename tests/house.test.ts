import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

/** A file imports its own folder and folders to its right, never to its left. */
const order = ['cli', 'views', 'engine', 'stores', 'language', 'actions', 'lib', 'core']

/** `src/main.ts` stands left of all folders. */
const main = 'main.ts'

function rank(file: string): number {
  if (file === main) return -1
  const [folder = '', ...rest] = file.split('/')
  const place = order.indexOf(folder)
  if (place < 0 || rest.length === 0) throw new Error(`${file} is in none of ${order.join(', ')}`)
  return place
}

/** What is wrong with the imports of one file; `file` is relative to src. */
function trespasses(file: string, source: string): string[] {
  const own = rank(file)
  return ts
    .preProcessFile(source, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => posix.join(posix.dirname(file), name))
    .filter((target) => target.startsWith('../') || rank(target) < own)
    .map((target) => `${file} imports ${target}`)
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.m?[jt]s$/.test(file),
)

test('every file of src keeps the order of folders', () => {
  expect(sources).toContain(main)
  expect(sources.flatMap((file) => trespasses(file, readFileSync(`src/${file}`, 'utf8')))).toEqual(
    [],
  )
})

/** What a file of src loads, now or when it is needed, and what that loads in turn; types are no load. */
function loads(file: string, found = new Set<string>()): Set<string> {
  found.add(file)
  const text = readFileSync(`src/${file}`, 'utf8').replaceAll(/^import type [^']*'[^']*'$/gm, '')
  for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
    const target = posix.join(posix.dirname(file), fileName)
    if (fileName.startsWith('.') && !found.has(target)) loads(target, found)
  }
  return found
}

test.each(['plan', 'verify', 'status', 'history', 'logs', 'report', 'lock'])(
  '`runbook %s` loads nothing of what drives a run',
  (command) => {
    expect([...loads(`cli/${command}.ts`)]).not.toContain('engine/drive.ts')
  },
)

test('no command opens the journal by hand, and so none forgets to close it', () => {
  const opens = sources.filter((file) =>
    readFileSync(`src/${file}`, 'utf8').includes('openSession('),
  )
  expect(opens.sort()).toEqual(['cli/session.ts', 'engine/session.ts'])
})

describe('the order can be broken', () => {
  test.each([
    ['main.ts', "await import('./cli/index.ts')", []],
    ['cli/a.ts', "import { b } from '../core/b.ts'", []],
    ['core/a.ts', "import fs from 'node:fs'\nimport { z } from 'zod'", []],
    ['core/a.ts', "import { b } from './b.ts'", []],
    ['core/a.ts', "import { b } from '../lib/b.ts'", ['core/a.ts imports lib/b.ts']],
    ['core/a.ts', "import type { B } from '../cli/b.ts'", ['core/a.ts imports cli/b.ts']],
    ['lib/a.ts', "export * from '../actions/b.ts'", ['lib/a.ts imports actions/b.ts']],
    ['engine/a.ts', "const b = await import('../views/b.ts')", ['engine/a.ts imports views/b.ts']],
    ['cli/a.ts', "import '../main.ts'", ['cli/a.ts imports main.ts']],
    ['cli/a.ts', "import '../../tests/b.ts'", ['cli/a.ts imports ../tests/b.ts']],
    ['cli/deep/a.ts', "import '../../stores/b.ts'", []],
    ['stores/deep/a.ts', "import '../../engine/b.ts'", ['stores/deep/a.ts imports engine/b.ts']],
  ])('%s: %s', (file, source, expected) => {
    expect(trespasses(file, source)).toEqual(expected)
  })

  test('a file outside the folders is refused', () => {
    expect(() => trespasses('utils/a.ts', '')).toThrow('utils/a.ts is in none of')
    expect(() => trespasses('helper.ts', '')).toThrow('helper.ts is in none of')
  })
})
