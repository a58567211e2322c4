import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { withSession } from '../../src/cli/session.ts'
import type { Session } from '../../src/engine/session.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runbook-session-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

test.each(['ends', 'throws'])('the journal is closed when the work %s', async (how) => {
  let known: Session | undefined
  const work = async (session: Session) => {
    known = session
    expect(await session.store.runs()).toEqual([])
    if (how === 'throws') throw new Error('refused')
  }
  const worked = withSession({}, work, root)
  await (how === 'ends' ? worked : expect(worked).rejects.toThrow('refused'))
  await expect(known?.store.runs()).rejects.toThrow('is not open')
})
