/** What a step took is counted from its intent to its end, whoever was there to see it. */
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { Report } from '../../src/views/report-data.ts'
import { linesOf, project, runbook, start } from '../tool.ts'
import { recordOf } from './record.ts'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

function slow(action: string, check: string): string {
  made = project(
    'slow',
    `runbook: slow
title: Slow
version: "1"
environments: { test: {} }
phases:
  - id: main
    title: Main
    steps:
      - id: long
        ${action}
        verify: ${check}
        rollback: { run: rm -f long, verify: { run: test ! -e long } }
`,
  )
  return made.root
}

/** A step that takes as long as there is a file; the tool is killed while it does. */
async function killedOver(action: string): Promise<string> {
  const root = slow(action, '{ run: test -e long }')
  writeFileSync(join(root, 'hold'), '')
  const { child, ran } = start(root, ['deploy', 'slow', '--env', 'test'])
  while (!linesOf(join(root, 'ledger')).includes('begun')) await sleep(5)
  child.kill('SIGKILL')
  await ran
  return root
}

const held = 'run: echo begun >> ledger; while [ -e hold ]; do sleep 0.02; done; touch long'

const seconds = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? NaN)

interface Told {
  plain: number
  screen: number
  status: number
  phase: Report['phases'][number]
  step: number
}

/** Of a run that `resume` took to its end: what each place says that its one step took, in seconds. */
async function told(root: string, resumed: string): Promise<Told> {
  const report = JSON.parse((await runbook(root, ['report', '-o', 'json'])).stdout) as Report
  const [phase] = report.phases
  if (phase === undefined) throw new Error('the report has no phase')
  return {
    plain: seconds(resumed, /long done in ([\d.]+) s/),
    screen: seconds(resumed, /took +([\d.]+) s/),
    status: seconds((await runbook(root, ['status'])).stdout, /Main +([\d.]+) s/),
    phase,
    step: (report.steps[0]?.duration_ms ?? NaN) / 1000,
  }
}

describe('killed over', () => {
  test('its command still runs: until it ends', { timeout: 90_000 }, async () => {
    const root = await killedOver(held)
    await sleep(1500)
    const { child, ran } = start(root, ['resume'])
    child.stderr?.on('data', (text: string) => {
      if (text.includes('still running')) rmSync(join(root, 'hold'), { force: true })
    })
    const { stderr } = await ran
    const all = await told(root, stderr)
    for (const took of [all.plain, all.screen, all.status, all.step])
      expect(took, stderr).toBeGreaterThan(1.5)
    const armed = (await recordOf(root)).runs[0]?.events.find((e) => e.type === 'step.armed')
    expect(all.phase.actual_ms).toBeGreaterThan(1500)
    // Events of one moment may be a few milliseconds apart.
    const apart = Date.parse(all.phase.begun_at ?? '') - Date.parse(armed?.at ?? '')
    expect(Math.abs(apart)).toBeLessThan(500)
  })

  test('it ended long ago: as its receipt says', { timeout: 90_000 }, async () => {
    const root = await killedOver(held)
    await sleep(1200)
    rmSync(join(root, 'hold'))
    await sleep(3000)
    const { stderr } = await runbook(root, ['resume'])
    const all = await told(root, stderr)
    for (const took of [all.plain, all.screen, all.status, all.step, all.phase.actual_ms / 1000]) {
      expect(took, stderr).toBeGreaterThan(1.2)
      expect(took, stderr).toBeLessThan(3.5)
    }
    const armed = (await recordOf(root)).runs[0]?.events.find((e) => e.type === 'step.armed')
    expect(all.phase.begun_at).toBe(armed?.at)
  })

  test('nobody knows when it ended: until it was settled', { timeout: 90_000 }, async () => {
    let done = false
    const server = createServer(({ method }, response) => {
      if (method === 'GET') response.end(JSON.stringify({ done }))
      else {
        done = true
        child.kill('SIGKILL')
      }
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const root = slow(
      `http: { post: "${url}" }`,
      `{ http: { get: "${url}" }, expect: json.done == true }`,
    )
    const { child, ran } = start(root, ['deploy', 'slow', '--env', 'test'])
    await ran
    await sleep(1500)
    const { stderr } = await runbook(root, ['resume'])
    server.close()
    expect(stderr).toContain('known by its check')
    const all = await told(root, stderr)
    for (const took of [all.plain, all.screen, all.status, all.step, all.phase.actual_ms / 1000])
      expect(took, stderr).toBeGreaterThan(1.5)
  })
})
