/** The rows of the five documents: what each runbook must do, and did in its sandbox. */
import { expect } from 'vitest'
import type { Runbook } from '../../src/core/runbook.ts'
import type { Summary } from '../tool.ts'

/** By the name of a runbook: how its rows are called, and how many there are. */
export const DOCUMENTS: Record<string, { prefix: string; rows: number }> = {
  'qr-login': { prefix: 'QR', rows: 26 },
  'device-passport': { prefix: 'DP', rows: 23 },
  'oauth-login': { prefix: 'OA', rows: 16 },
  'users-module': { prefix: 'US', rows: 12 },
  'db-security': { prefix: 'DB', rows: 19 },
}

/** All rows of a document. */
export function rowsOfDocument(name: string): string[] {
  const { prefix, rows } = DOCUMENTS[name] ?? { prefix: '', rows: 0 }
  return Array.from({ length: rows }, (_, i) => `${prefix}-${String(i + 1).padStart(2, '0')}`)
}

/** Those that a step or an input of a runbook names. */
export function rowsNamed(runbook: Pick<Runbook, 'steps' | 'finally' | 'inputs'>): string[] {
  const all = [...runbook.steps, ...runbook.finally, ...Object.values(runbook.inputs)]
  return [...new Set(all.flatMap(({ refs }) => refs))].sort()
}

/** Demands that in one of these runs a step of every row of the document was done, or found to be so; of all but those for which this machine has not what they need. */
export function expectEveryRow(
  name: string,
  runs: readonly Summary[],
  wanting: readonly string[] = [],
): void {
  const ran = runs.flatMap(({ steps }) =>
    steps.filter(({ status }) => ['done', 'satisfied', 'undone'].includes(status)),
  )
  expect([...new Set(ran.flatMap(({ refs }) => refs))].sort()).toEqual(
    rowsOfDocument(name).filter((row) => !wanting.includes(row)),
  )
}
