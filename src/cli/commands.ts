/** The table of commands: a new one is one file and one line. */
import type { Command } from 'commander'

/** Adds arguments, options, help and the action; the action tells its exit code through `exit`. */
type Define = (command: Command, exit: (code: number) => void) => void

interface Entry {
  summary: string
  load: () => Promise<{ define: Define }>
}

export const commands = {
  list: { summary: 'The runbooks of this project', load: () => import('./list.ts') },
  show: {
    summary: 'One runbook: its phases, steps, inputs, environments',
    load: () => import('./show.ts'),
  },
  lint: { summary: 'Check runbooks without running anything', load: () => import('./lint.ts') },
  checks: {
    summary: 'The named checks, or the manual page of one',
    load: () => import('./checks.ts'),
  },
  schema: {
    summary: 'Print the JSON Schema of runbooks, for editors',
    load: () => import('./schema.ts'),
  },
  doctor: {
    summary: 'What this machine has, lacks, and how to get it',
    load: () => import('./doctor.ts'),
  },
  plan: {
    summary: 'What a deploy would do, how it is undone, where no return lies',
    load: () => import('./plan.ts'),
  },
  deploy: { summary: 'Run a runbook in an environment', load: () => import('./deploy.ts') },
  resume: {
    summary: 'Go on with a run where its record says it stands',
    load: () => import('./resume.ts'),
  },
  rollback: {
    summary: 'Undo what a run did, newest first, each undo verified',
    load: () => import('./rollback.ts'),
  },
  verify: {
    summary: 'Ask the checks of a runbook now, changing nothing',
    load: () => import('./verify.ts'),
  },
  resolve: { summary: 'Say what became of a step in doubt', load: () => import('./resolve.ts') },
  abandon: {
    summary: 'Give up an unfinished run as it stands',
    load: () => import('./abandon.ts'),
  },
  sign: {
    summary: 'Give your word for a role: an approval, or work that is done',
    load: () => import('./sign.ts'),
  },
  status: { summary: 'Where a run stands', load: () => import('./status.ts') },
  history: { summary: 'What ran, newest first', load: () => import('./history.ts') },
  logs: {
    summary: 'The record of a run, or the output of one of its steps',
    load: () => import('./logs.ts'),
  },
  report: {
    summary: 'What happened in a run, as a document',
    load: () => import('./report.ts'),
  },
  lock: { summary: 'Which unfinished runs hold a lock', load: () => import('./lock.ts') },
} satisfies Record<string, Entry>

export type CommandName = keyof typeof commands
