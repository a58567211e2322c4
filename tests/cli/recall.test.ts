import { cpSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { project, runbook } from '../tool.ts'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

const yaml = (title: string) => `runbook: sample
title: ${title}
version: "1"
inputs: { database_url: { type: url, secret: true } }
environments: { test: { inputs: { database_url: { env: DATABASE_URL } } } }
phases:
  - id: main
    title: Main
    steps:
      - { id: look, verify: { check: table-exists, with: { table: users } } }
      - { id: ask, verify: { script: { file: ask.mjs } } }
`

const script = (word: string) => `export default () => ({ word: '${word}' })\n`

function sample(): { plan: (from?: string) => Promise<string>; root: string; cache: string } {
  made = project('sample', yaml('First'))
  const { root } = made
  writeFileSync(join(root, 'ask.mjs'), script('first'))
  const cache = join(root, 'cache')
  const plan = async (from = root) => {
    const ran = await runbook(
      from,
      ['plan', 'sample', '--env', 'test', '--offline', '-o', 'json'],
      {
        env: { XDG_CACHE_HOME: cache },
      },
    )
    return ran.code === 0
      ? (JSON.parse(ran.stdout) as { plan_sha256: string }).plan_sha256
      : ran.stderr
  }
  return { plan, root, cache }
}

describe('a runbook that was read before', () => {
  test('is remembered, and gives the same plan', async () => {
    const { plan, cache } = sample()
    const first = await plan()
    expect(readdirSync(join(cache, 'runbook/read'))).toHaveLength(1)
    expect(await plan()).toBe(first)
  })

  test('is known in another clone as well, and read anew there when something differs', async () => {
    const { plan, root, cache } = sample()
    const first = await plan()
    const clone = join(root, 'clone')
    for (const part of ['runbooks', 'ask.mjs'])
      cpSync(join(root, part), join(clone, part), { recursive: true })
    const folder = join(cache, 'runbook/read')
    const inodes = () => readdirSync(folder).map((name) => statSync(join(folder, name)).ino)
    const known = inodes()
    expect(await plan(clone)).toBe(first)
    // What is read anew is written anew.
    expect(inodes()).toEqual(known)
    writeFileSync(join(clone, 'ask.mjs'), script('second'))
    expect(await plan(clone)).not.toBe(first)
  })

  test('is forgotten after a month in which it was not read anew', async () => {
    const { plan, root, cache } = sample()
    await plan()
    const folder = join(cache, 'runbook/read')
    const [old = ''] = readdirSync(folder)
    utimesSync(join(folder, old), 0, 0)
    writeFileSync(join(root, 'runbooks/sample.yaml'), yaml('Second'))
    await plan()
    expect(readdirSync(folder)).toHaveLength(1)
    expect(readdirSync(folder)).not.toContain(old)
  })

  test('is read anew when its file changed, and when that made it unsound', async () => {
    const { plan, root } = sample()
    const first = await plan()
    writeFileSync(join(root, 'runbooks/sample.yaml'), yaml('Second'))
    expect(await plan()).not.toBe(first)
    writeFileSync(join(root, 'runbooks/sample.yaml'), yaml('Third').replace('phases:', 'phasen:'))
    expect(await plan()).toContain('runbooks/sample.yaml:6:1')
  })

  test('is read anew when a script that it names changed or went', async () => {
    const { plan, root } = sample()
    const first = await plan()
    writeFileSync(join(root, 'ask.mjs'), script('second'))
    const second = await plan()
    expect(second).not.toBe(first)
    writeFileSync(join(root, 'ask.mjs'), script('first'))
    expect(await plan()).toBe(first)
  })

  test('is read anew when the project puts a check of its own before a shipped one', async () => {
    const { plan, root } = sample()
    const first = await plan()
    mkdirSync(join(root, 'checks'))
    writeFileSync(
      join(root, 'checks/table-exists.yaml'),
      `check: table-exists\ntitle: Ours\nparams: { table: { type: string } }\nexample: { table: users }\nrun: "true"\n`,
    )
    expect(await plan()).not.toBe(first)
  })

  test('is not taken from a file that somebody has written over', async () => {
    const { plan, cache } = sample()
    const first = await plan()
    const folder = join(cache, 'runbook/read')
    writeFileSync(join(folder, readdirSync(folder)[0] ?? ''), '{"path":')
    expect(await plan()).toBe(first)
  })
})
