import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { run } from '../../src/actions/run.ts'
import type { Action } from '../../src/core/runbook.ts'
import { startGated, type Gated } from '../../src/lib/gate.ts'
import { context, folder } from './context.ts'

const script = (text: string, leaves_processes = false) =>
  ({ verb: 'run', script: text, leaves_processes }) as const

const quick = { interrupt_ms: 150, terminate_ms: 150 }
const graces = { timeout: quick, interrupt: quick }

/** The gate itself, with graces that a test can wait for. */
function gated(text: string, more: Partial<Gated> = {}) {
  const { cwd, env, timeout_ms, interrupt, folder: own } = context()
  const options = { cwd, env, timeout_ms, interrupt, folder: own, leaves_processes: false, graces }
  const gate = async () => {}
  return startGated({ ...options, command: { script: text }, gate, output: () => {}, ...more })
}

/** Whether a process with this number lives; a dead one that nobody has reaped does not. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

test('a script gives its exit code and both streams, apart and together', async () => {
  const at = context()
  const { fields, problem } = await run.perform(script('echo one; echo two >&2; exit 3'), at)
  expect(fields).toMatchObject({ exit_code: 3, stdout: 'one', stderr: 'two', output: 'one\ntwo' })
  expect(problem).toBeUndefined()
  expect(at.shown.join('')).toBe('one\ntwo\n')
  expect(at.gated).toHaveLength(1)
  expect(at.gated[0]).toMatchObject({ pid: expect.any(Number) as number })
})

test('output that is JSON is there as a value, exact also where a double is not', async () => {
  const action = script(`echo '{"a": [1, 12345678901234567890]}'`)
  const { fields } = await run.perform(action, context())
  expect(fields.json).toEqual({ a: [1, 12345678901234567890n] })
  expect((await run.perform(script('echo 1.1.0'), context())).fields).not.toHaveProperty('json')
})

test.each([
  ['set -e', 'false; echo on'],
  ['set -u', 'echo $MISSING; echo on'],
  ['pipefail', 'false | cat; echo on'],
  ['no arguments', 'echo "$1"; echo on'],
])('%s stops a script', async (_name, text) => {
  const { fields } = await run.perform(script(text), context())
  expect(fields.exit_code).not.toBe(0)
  expect(fields.stdout).not.toContain('on')
})

test('an argv list is run without a shell reading it', async () => {
  const at = context({ x: '$(touch hacked); * "' })
  const argv = ['printf', '%s|', '${{ inputs.x }}', 'a b']
  const { fields } = await run.perform({ verb: 'run', argv, leaves_processes: false }, at)
  expect(fields.stdout).toBe('$(touch hacked); * "|a b|')
  expect(readdirSync(at.root)).toEqual(['.attempt'])
})

test.each<[string, Action & { verb: 'run' }, number, string]>([
  ['127', script('no-such-program-here'), 127, 'not found'],
  [
    '127 of an argv list',
    { verb: 'run', argv: ['no-such-program-here'], leaves_processes: false },
    127,
    'not found',
  ],
  ['126', script('/'), 126, 'not executable'],
  ['126 with a word', script('echo "it lags" >&2; exit 126'), 126, 'not executable: it lags'],
  ['a signal', script('kill -9 $BASHPID'), 137, 'out of memory?'],
  ['a signal seldom seen', script('kill -USR1 $BASHPID'), 138, 'killed by signal 10, USR1'],
])('%s is something one cannot tell from', async (_name, action, code, message) => {
  const { fields, problem } = await run.perform(action, context())
  expect(fields.exit_code).toBe(code)
  expect(problem?.kind).toBe('cannot_tell')
  expect(problem?.message).toContain(message)
})

test('an exit code like that of a signal which ends nothing is an exit code', async () => {
  const { fields, problem } = await run.perform(script('exit 145'), context())
  expect([fields.exit_code, problem]).toEqual([145, undefined])
})

test('nothing happens while the gate is closed, and nothing when it stays closed', async () => {
  const at = context(
    {},
    {
      gate: async () => {
        await sleep(100)
        expect(existsSync(join(at.root, 'done'))).toBe(false)
        throw new Error('the journal is full')
      },
    },
  )
  // Bash itself would read BASH_ENV before anything else.
  at.env.BASH_ENV = join(at.root, 'profile')
  await expect(run.perform(script('touch done'), at)).rejects.toThrow('the journal is full')
  expect(readdirSync(at.root)).toEqual(['.attempt'])
  expect(readFileSync(join(at.folder, 'receipt'), 'utf8')).toBe('')
})

test('a missing working folder is a problem before the gate', async () => {
  const at = context({}, { cwd: '/no/such/folder' })
  const { problem } = await run.perform(script('true'), at)
  expect(problem).toMatchObject({ kind: 'cannot_tell' })
  expect(problem?.message).toContain('/no/such/folder does not exist')
  expect(at.gated).toEqual([])
})

test('its folder and files are its owner’s only', async () => {
  const at = context()
  await run.perform(script('true'), at)
  expect(statSync(at.folder).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(at.folder)) {
    expect(statSync(join(at.folder, name)).mode & 0o777, name).toBe(0o600)
  }
})

test.each([
  ['standard input', 'read x'],
  ['the terminal', 'read x </dev/tty'],
])('a script that asks %s fails at once', async (_name, text) => {
  const { fields } = await run.perform(script(text), context())
  expect(fields.exit_code).toBe(1)
})

test('neither the gate nor the receipt is open in what the script starts', async () => {
  const { fields } = await run.perform(script('ls -l /proc/self/fd'), context())
  expect(fields.stdout).toContain('/out')
  expect(fields.stdout).not.toMatch(/receipt|socket:/)
})

test('a background child that holds stdout does not hold the step, and is ended', async () => {
  const at = context()
  const began = performance.now()
  const { fields, notes } = await run.perform(script('sleep 30 & echo $!'), at)
  expect(performance.now() - began).toBeLessThan(2500)
  expect(lives(Number(fields.stdout))).toBe(false)
  expect(notes?.join()).toMatch(/left running and ended: sleep \(pid \d+\)/)
})

test('what leaves the session is found by its token', async () => {
  const at = context()
  const text = `setsid bash -c 'echo $$ > pid; exec sleep 30' &
    until [ -s pid ]; do sleep 0.01; done`
  const { notes } = await run.perform(script(text), at)
  expect(lives(Number(readFileSync(join(at.root, 'pid'), 'utf8')))).toBe(false)
  expect(notes?.join()).toContain('left running and ended: sleep')
})

test('what is just leaving the session when the script ends is found too', async () => {
  for (let i = 0; i < 5; i += 1) {
    const at = context()
    await run.perform(script(`setsid sleep 30.${process.pid} & disown`), at)
  }
  const found = readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`30.${process.pid}`)
    } catch {
      return false
    }
  })
  expect(found.filter((pid) => lives(Number(pid)))).toEqual([])
})

test('leaves_processes leaves them', async () => {
  const { fields, notes } = await run.perform(script('sleep 30 & echo $!', true), context())
  const pid = Number(fields.stdout)
  expect(lives(pid)).toBe(true)
  expect(notes).toBeUndefined()
  process.kill(pid)
})

test('what follows the script on its own is not hurried', async () => {
  const text = 'exec > >(sleep 0.05; cat > late; echo end >> late); echo text'
  const at = context()
  const { notes } = await run.perform(script(text), at)
  expect(readFileSync(join(at.root, 'late'), 'utf8')).toBe('text\nend\n')
  expect(notes).toBeUndefined()
})

test('a step that hangs is ended with all of its tree', async () => {
  const own = folder()
  const text = `sleep 1000 & setsid sleep 1000 & echo $! > ${own}/pid; sleep 1000`
  const { reason, notes } = await gated(text, { timeout_ms: 200 })
  expect(reason).toBe('timeout')
  expect(notes.join()).not.toContain('forced')
  expect(lives(Number(readFileSync(`${own}/pid`, 'utf8')))).toBe(false)
})

test('one that ignores INT and TERM is ended by KILL, and that is noted', async () => {
  const ended = await gated(`trap '' INT TERM; while :; do sleep 1; done`, { timeout_ms: 500 })
  expect(ended.reason).toBe('timeout')
  expect(ended.notes.join()).toContain('forced')
})

test('an interrupt ends it, and what it says last is still heard', async () => {
  const stop = new AbortController()
  const text = `trap 'echo bye; exit 7' INT; touch ready; while :; do sleep 0.05; done`
  const at = context({}, { interrupt: stop.signal })
  const running = run.perform(script(text), at)
  while (!existsSync(join(at.root, 'ready'))) await sleep(5)
  stop.abort()
  const { fields, problem } = await running
  expect(problem).toMatchObject({ kind: 'interrupted' })
  expect(fields).toMatchObject({ exit_code: 7, stdout: 'bye' })
  expect(readFileSync(join(at.folder, 'receipt'), 'utf8')).toMatch(/^started .*\nexit 7 .*\n$/)
})

test('interrupted at the gate it never starts', async () => {
  const stop = new AbortController()
  const at = context({}, { interrupt: stop.signal, gate: async () => stop.abort() })
  const { problem } = await run.perform(script('touch done'), at)
  expect(problem).toMatchObject({ kind: 'interrupted', message: 'interrupted before it started' })
  expect(readdirSync(at.root)).toEqual(['.attempt'])
})
