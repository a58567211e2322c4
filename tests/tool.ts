/** The tool as a user has it: the built bin, in a folder of its own, as a real process. */
import { spawn, type ChildProcess } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const bin = join(import.meta.dirname, '../dist/main.cjs')

export interface Ran {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Started, with everything it prints collected; `ran` resolves when it has ended. */
export function start(
  root: string,
  args: readonly string[],
  more: { env?: NodeJS.ProcessEnv; node?: string[] } = {},
): { child: ChildProcess; ran: Promise<Ran> } {
  const child = spawn(process.execPath, [...(more.node ?? []), bin, ...args], {
    cwd: root,
    env: { ...withoutOurs(process.env), ...more.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ran = new Promise<Ran>((resolve) => {
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr })
    })
  })
  return { child, ran }
}

/** Runs the tool to its end. */
export function runbook(
  root: string,
  args: readonly string[],
  more: Parameters<typeof start>[2] = {},
): Promise<Ran> {
  return start(root, args, more).ran
}

/** A throw-away copy of a folder of runbooks; `dispose` removes it. */
export function rootFrom(template: string): { root: string; dispose: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'runbook-'))
  cpSync(template, root, { recursive: true })
  return {
    root,
    dispose: () => {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Lines of a file, none when it is not there. */
export function linesOf(path: string): string[] {
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
}

/** What a CI or an editor sets would change colours, journals and keys under the test. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^(RUNBOOK_|FORCE_COLOR|NO_COLOR|GITHUB_|NODE_OPTIONS|VITEST)/.test(name),
    ),
  )
}

/** A throw-away project with one runbook, given as YAML. */
export function project(name: string, yaml: string): { root: string; dispose: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'runbook-'))
  mkdirSync(join(root, 'runbooks'))
  writeFileSync(join(root, 'runbooks', `${name}.yaml`), yaml)
  return {
    root,
    dispose: () => {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** What `-o json` printed. */
export interface Summary {
  run: string
  status: string
  exit_code: number
  plan_sha256: string
  partial: boolean
  steps: {
    id: string
    phase: string
    status: string
    attempts: number
    reason: string | null
    refs: string[]
  }[]
}

export function summaryOf(ran: Ran): Summary {
  try {
    return JSON.parse(ran.stdout) as Summary
  } catch {
    throw new Error(`no JSON on stdout; exit ${ran.code}\n${ran.stdout}\n${ran.stderr}`)
  }
}

/** The status of each step, as one line. */
export function statuses(ran: Ran): string {
  return summaryOf(ran)
    .steps.map((s) => `${s.id} ${s.status}`)
    .join(', ')
}
