import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { lintFile } from '../../src/language/read.ts'
import { randomly } from './randomly.ts'

// A test that is given up goes on beside the next one, with the same file.
vi.setConfig({ testTimeout: 60_000 })

const folder = mkdtempSync(join(tmpdir(), 'runbook-language-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'x.yaml')
const sound = readFileSync(join(import.meta.dirname, 'sound', 'edge.yaml'), 'utf8')
const plain = readFileSync(join(import.meta.dirname, 'sound', 'plain.yaml'), 'utf8')

/** The errors of a text; each must have a place in it. */
async function errorsOf(
  text: string,
): Promise<{ line: number; column: number; message: string }[]> {
  writeFileSync(path, text)
  const errors = (await lintFile(path, folder)).filter(({ level }) => level !== 'warning')
  const lines = text.split('\n')
  for (const { line, column, message } of errors) {
    expect(line, message).toBeLessThanOrEqual(lines.length)
    expect(column, message).toBeGreaterThan(0)
    expect(message).not.toMatch(/undefined|\[object|NaN/)
  }
  return errors
}

test('text with random damage is refused or accepted, but never crashes', async () => {
  const { below, pick } = randomly(20260131)
  const noise = [
    '[',
    '{',
    '"',
    "'",
    ':',
    '- ',
    '\n',
    '  ',
    '&a ',
    '*a',
    '!x ',
    '${{',
    '}}',
    '|',
    '#',
    '0',
    ',',
    '? ',
  ]
  for (let i = 0; i < 300; i++) {
    let text = sound
    for (let damages = 1 + below(3); damages > 0; damages--) {
      const at = below(text.length)
      text = text.slice(0, at) + pick(noise) + text.slice(at + below(12))
    }
    await errorsOf(text)
  }
})

test('every key that is misspelt is named at its own place', async () => {
  const lines = plain.split('\n')
  let tried = 0
  for (const [i, line] of lines.entries()) {
    const key = /^(\s*(?:- )?)([a-z_]+):/.exec(line)
    if (key?.[1] === undefined || key[2] === undefined) continue
    // Names that an author chooses are not known beforehand.
    if (/^(app_url|database_url|token|port|release|test)$/.test(key[2])) continue
    const broken = lines.with(i, line.replace(key[2], `${key[2]}x`)).join('\n')
    const errors = await errorsOf(broken)
    expect(errors, line).toContainEqual(
      expect.objectContaining({ line: i + 1, column: key[1].length + 1 }),
    )
    tried++
  }
  expect(tried).toBeGreaterThan(20)
})

describe('every value of another type is refused at its own place', () => {
  const others = ['5', '1.5', 'true', 'null', 'some text', '[1]', '{ a: 1 }', '2024-01-01']
  const keys = plain
    .split('\n')
    .flatMap((line, i) => (/^\s*(- )?[a-z_]+: \S/.test(line) ? [i] : []))

  test.each(others)('%s', async (other) => {
    const lines = plain.split('\n')
    for (const i of keys) {
      const line = lines[i] ?? ''
      const broken = lines.with(i, line.replace(/: .*/, `: ${other}`)).join('\n')
      const errors = await errorsOf(broken)
      const isText = other === 'some text' || other === '2024-01-01'
      if (isText && /title|runbook|version|run:|id:|default|token/.test(line)) continue
      expect(errors.length, `${line} -> ${other}`).toBeGreaterThan(0)
    }
  })
})

test('large files are read, larger ones not at all', async () => {
  const head = plain.slice(0, plain.indexOf('phases:'))
  const step = (n: number): string =>
    `      - { id: s${n}, title: A step of many, verify: { run: "true", expect: exit_code == 0 } }\n`
  const many = `${head}phases:\n  - id: all\n    steps:\n${Array.from({ length: 10_000 }, (_, n) => step(n)).join('')}`
  expect(many.length).toBeGreaterThan(900_000)
  expect(await errorsOf(many)).toEqual([])
  expect(await errorsOf(`${plain}# ${'x'.repeat(1_100_000)}\n`)).toMatchObject([
    { line: 1, column: 1 },
  ])
}, 120_000)
