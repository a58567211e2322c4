import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Recovery } from '../../src/actions/action.ts'
import { run } from '../../src/actions/run.ts'
import type { ProcessIdentity } from '../../src/core/events.ts'
import { alive, identify } from '../../src/lib/processes.ts'
import { context, folder, type Watched } from './context.ts'

const TOOL = join(import.meta.dirname, 'gate-tool.ts')

/** Runs a script in a tool that is killed: at a moment of its own, or once `until` holds. */
async function crashed(
  script: string,
  die: string,
  until?: (at: Watched) => boolean,
  path = process.env.PATH,
) {
  const at = context()
  const tool = spawn(process.execPath, [TOOL, at.folder, script, die], {
    cwd: at.root,
    env: { PATH: path },
  })
  const gone = new Promise((resolve) => tool.once('exit', (_, signal) => resolve(signal)))
  if (until !== undefined) {
    while (!until(at)) await sleep(5)
    tool.kill('SIGKILL')
  }
  expect(await gone).toBe('SIGKILL')
  const text = readFileSync(`${at.folder}.process`, 'utf8')
  return { at, wrapper: JSON.parse(text) as ProcessIdentity }
}

async function recover(at: Watched, wrapper: ProcessIdentity | undefined, timeout_ms = 20_000) {
  const running: ProcessIdentity[] = []
  const action = { verb: 'run', script: '', leaves_processes: false } as const
  const again = { ...at, timeout_ms }
  const found = await run.recover?.(action, again, (one) => running.push(one), wrapper)
  return { found: found as Recovery, running }
}

const started = (at: Watched) => existsSync(join(at.root, 'started'))

test('killed before go: it never happened', async () => {
  const { at, wrapper } = await crashed('touch done', 'before go')
  const { found, running } = await recover(at, wrapper)
  expect(found).toEqual({ state: 'never' })
  expect(running).toEqual([])
  expect(existsSync(join(at.root, 'done'))).toBe(false)
})

test('killed while it runs: it goes on, and is waited for', async () => {
  const text = 'touch started; echo one; sleep 0.5; echo two; touch done; exit 3'
  const { at, wrapper } = await crashed(text, '', started)
  expect(alive(wrapper)).toBe(true)
  const { found, running } = await recover(at, wrapper)
  expect(running).toEqual([wrapper])
  expect(found).toMatchObject({
    state: 'ended',
    outcome: { fields: { exit_code: 3, stdout: 'one\ntwo' } },
  })
  expect(existsSync(join(at.root, 'done'))).toBe(true)
  expect(at.shown.join('')).toBe('one\ntwo\n')
})

test('killed while it runs, and it ends before anybody looks', async () => {
  const { at, wrapper } = await crashed('touch started; sleep 0.2; exit 4', '', started)
  while (alive(wrapper)) await sleep(20)
  const { found, running } = await recover(at, wrapper)
  expect(running).toEqual([])
  expect(found).toMatchObject({ state: 'ended', outcome: { fields: { exit_code: 4 } } })
  const { duration_ms } = (found as Extract<Recovery, { state: 'ended' }>).outcome.fields
  expect(duration_ms).toBeGreaterThanOrEqual(200)
})

test('the receipt is flushed when the tool is gone, and only then', async () => {
  // A `sync` that comes first on the PATH of the wrapper and leaves a mark.
  const bin = folder()
  writeFileSync(join(bin, 'sync'), `#!/bin/sh\necho "$@" >> ${bin}/synced\n`, { mode: 0o755 })
  const path = `${bin}:${process.env.PATH}`
  await crashed('touch started; sleep 0.1', 'after end', undefined, path)
  expect(existsSync(join(bin, 'synced'))).toBe(false)
  const { at, wrapper } = await crashed('touch started; sleep 0.1', '', started, path)
  while (alive(wrapper)) await sleep(5)
  expect(readFileSync(join(bin, 'synced'), 'utf8')).toContain(join(at.folder, 'receipt'))
})

test('killed after its end, before that end was noted anywhere else', async () => {
  const { at, wrapper } = await crashed('echo hi; exit 5', 'after end')
  const { found } = await recover(at, wrapper)
  expect(found).toMatchObject({
    state: 'ended',
    outcome: { fields: { exit_code: 5, stdout: 'hi' } },
  })
})

test('its timeout counts from its own start', async () => {
  const { at, wrapper } = await crashed('touch started; sleep 100', '', started)
  await sleep(300)
  const began = performance.now()
  const { found } = await recover(at, wrapper, 600)
  expect(performance.now() - began).toBeLessThan(500)
  expect(found).toMatchObject({ state: 'ended', outcome: { problem: { kind: 'timeout' } } })
  expect(alive(wrapper)).toBe(false)
})

test('the wrapper was killed too: nobody knows, and nothing is left of it', async () => {
  const text = 'touch started; echo $BASHPID > pid; sleep 100'
  const { at, wrapper } = await crashed(text, '', (at) => existsSync(join(at.root, 'pid')))
  process.kill(wrapper.pid, 'SIGKILL')
  const { found } = await recover(at, wrapper)
  expect(found).toEqual({ state: 'unknown' })
  expect(identify(Number(readFileSync(join(at.root, 'pid'), 'utf8')))).toBeUndefined()
})

test.each<[string, (at: Watched, wrapper: ProcessIdentity) => ProcessIdentity | undefined]>([
  [
    'the receipt is cut within its last line',
    (at, wrapper) => {
      const path = join(at.folder, 'receipt')
      truncateSync(path, readFileSync(path).length - 1)
      return wrapper
    },
  ],
  [
    'the receipt is gone',
    (at, wrapper) => {
      rmSync(join(at.folder, 'receipt'))
      return wrapper
    },
  ],
  [
    'the machine was started since, and the receipt is empty',
    (at, wrapper) => {
      writeFileSync(join(at.folder, 'receipt'), '')
      return { ...wrapper, boot: 'another' }
    },
  ],
  ['the journal knows no process', () => undefined],
])('%s: nobody knows', async (_name, spoil) => {
  const { at, wrapper } = await crashed('true', 'after end')
  const { found } = await recover(at, spoil(at, wrapper))
  expect(found).toEqual({ state: 'unknown' })
})

test('another process with the same number is not taken for it', async () => {
  const { at, wrapper } = await crashed('true', 'after end')
  const other = { ...wrapper, pid: process.pid }
  const { found, running } = await recover(at, other)
  expect(found).toMatchObject({ state: 'ended' })
  expect(running).toEqual([])
})
