/** What a role lends to an action, as small as a test can have it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ActionContext } from '../../src/actions/action.ts'
import type { ProcessIdentity } from '../../src/core/events.ts'
import { pieces, resolve } from '../../src/core/templates.ts'

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'actions-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface Watched extends ActionContext {
  /** All that was passed on as output. */
  shown: string[]
  /** The processes that waited at the gate. */
  gated: (ProcessIdentity | undefined)[]
}

/** A context in a folder of its own; `inputs` are there for templates. */
export function context(
  inputs: Record<string, unknown> = {},
  more: Partial<ActionContext> & { files?: Record<string, string> } = {},
): Watched {
  const root = more.root ?? folder()
  const scope = { inputs }
  const shown: string[] = []
  const gated: (ProcessIdentity | undefined)[] = []
  const attempt = join(root, '.attempt')
  mkdirSync(attempt, { recursive: true, mode: 0o700 })
  return {
    root,
    cwd: root,
    env: { PATH: process.env.PATH ?? '', HOME: root },
    timeout_ms: 20_000,
    interrupt: new AbortController().signal,
    folder: join(attempt, 'do-1'),
    resolve: (value) => resolve(value, scope),
    pieces: (text) => pieces(text, scope),
    file: (path) => {
      const content = more.files?.[path]
      if (content === undefined) throw new Error(`no file ${path}`)
      return content
    },
    gate: async (process) => void gated.push(process),
    output: (text) => void shown.push(text),
    ask: () => Promise.reject(new Error('nobody can answer')),
    about: { run: 'r-1', runbook: 'sample', environment: 'test', status: 'running', step: 'tell' },
    channel: () => undefined,
    mask: (text) => text,
    ...more,
    shown,
    gated,
  }
}
