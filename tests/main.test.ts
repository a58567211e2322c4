import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }

test.each(['dist/main.cjs', 'src/main.ts'])('%s answers --version', (file) => {
  const text = execFileSync(process.execPath, [file, '--version'], { encoding: 'utf8' })
  expect(text).toBe(`${manifest.version}\n`)
})

/** A Node on this machine that is too old for the tool, if there is one. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((node) => existsSync(node) && isTooOld(node))

function isTooOld(node: string): boolean {
  const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 13)
}

/** Takes the place of the commands: says what it was given, and ends as it was told to. */
const standIn = `
const { readFileSync } = require('node:fs')
exports.main = async ([how, value]) => {
  if (how === 'hang') return new Promise(() => {})
  if (how === 'end') return Number(value)
  if (how === 'die') return process.kill(process.pid, value), new Promise(() => setInterval(() => {}, 1e3))
  if (how === 'read') return console.log(process.versions.node, readFileSync(0, 'utf8')), 0
  const seen = []
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => seen.push(name))
  console.log('ready')
  await new Promise((resolve) => setTimeout(resolve, 700))
  console.log(seen.join(' '))
  return 130
}
`

const place = mkdtempSync(join(tmpdir(), 'runbook-main-'))
const main = join(place, 'dist/main.cjs')
const modules = join(place, 'node_modules')

beforeAll(() => {
  cpSync('dist', join(place, 'dist'), { recursive: true })
  cpSync('package.json', join(place, 'package.json'))
  symlinkSync(resolve('node_modules'), modules)
  const [, commands = ''] = /require\("(.\/cli[^"]*)"\)/.exec(readFileSync(main, 'utf8')) ?? []
  writeFileSync(join(place, 'dist', commands), standIn)
})
afterAll(() => {
  rmSync(place, { recursive: true })
})

test('a command that nothing can end any more is no success, and says so', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, 'hang'], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /^runbook: nothing is left that could finish this command.*runbook status\n$/,
  )
  const ended = spawnSync(process.execPath, [main, 'end', '0'], { encoding: 'utf8' })
  expect([ended.status, ended.stderr]).toEqual([0, ''])
})

const wanting = oldNode === undefined ? ' (SKIPPED: none older than 22.13 is on PATH)' : ''
describe.skipIf(oldNode === undefined)(`on a Node that is too old${wanting}`, () => {
  const node = oldNode ?? ''
  test('it starts the newer one, with its input and its exit code', () => {
    const read = spawnSync(node, [main, 'read'], { input: 'hello', encoding: 'utf8' })
    expect(read.stdout).toBe(`${process.versions.node} hello\n`)
    expect(spawnSync(node, [main, 'end', '11']).status).toBe(11)
  })

  test('a death by signal is passed on', () => {
    expect(spawnSync(node, [main, 'die', 'SIGKILL']).signal).toBe('SIGKILL')
    expect(spawnSync(node, [main, 'die', 'SIGTERM']).signal).toBe('SIGTERM')
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s arrives, once', async (signal) => {
    const child = spawn(node, [main, 'wait'], { detached: true })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (data: string) => (text += data))
    await once(child.stdout, 'data')
    child.kill(signal)
    const [code] = (await once(child, 'close')) as [number]
    expect([code, text]).toEqual([130, `ready\n${signal}\n`])
  })

  test('it says so in one line where there is no newer one', () => {
    rmSync(modules)
    const { status, stderr } = spawnSync(node, [main, 'end', '0'], { encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr).toMatch(/^runbook: needs Node 22\.13 or newer, this is .*\n$/)
  })
})
