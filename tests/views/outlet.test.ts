import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { outlet, type OutStream } from '../../src/lib/outlet.ts'

const folder = mkdtempSync(join(tmpdir(), 'outlet-'))

test('the reader closes the pipe: the process goes on and ends well', async () => {
  const file = join(folder, 'pipe')
  const command = `set -o pipefail; '${process.execPath}' tests/views/writes.ts ${file} | head -1`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command])
  expect(stdout).toBe('a line\n')
  expect(stderr).toBe('')
  expect(readFileSync(file, 'utf8')).toBe('gone')
})

test.skipIf(process.platform !== 'linux')('the terminal hangs up: the same', async () => {
  const file = join(folder, 'terminal')
  const command = `'${process.execPath}' tests/views/writes.ts ${file}`
  const terminal = spawn('script', ['-qfc', command, '/dev/null'], { stdio: 'pipe' })
  await new Promise((resolve) => terminal.stdout.once('data', resolve))
  terminal.kill('SIGKILL')
  await vi.waitUntil(() => existsSync(file), { timeout: 10_000 })
  await vi.waitUntil(() => readFileSync(file, 'utf8') === 'gone', { timeout: 1000 })
})

test('whoever asks to be told is told once, also too late', () => {
  let fail: (() => void) | undefined
  const stream: OutStream = {
    write: () => true,
    on: (name, listener) => name === 'error' && (fail = listener),
    off: () => undefined,
  }
  const out = outlet(stream)
  let told = 0
  out.onGone(() => (told += 1))
  fail?.()
  fail?.()
  outlet(stream).onGone(() => (told += 1))
  expect(told).toBe(2)
  expect(outlet(stream).gone()).toBe(true)
})
