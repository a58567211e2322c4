/** The tool dies, what its step runs does not, and that needs the services: who may end them, and when. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { identify } from '../../src/lib/processes.ts'
import { linesOf, project, runbook, start, statuses } from '../tool.ts'
import { recordOf } from './record.ts'

// Several commands, one after the other, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 })

/** Opens a connection to the service, and fails where there is none. */
const CALL = 'at=${APP_URL#http://}; : > "/dev/tcp/${at%:*}/${at#*:}"'

let root: string
let dispose: () => void
beforeEach(() => {
  ;({ root, dispose } = project(
    'served',
    `runbook: served
title: A step that needs its service all the time
version: "1"
inputs:
  app_url: { type: url }
  greeting: { default: hello }
environments:
  sandbox:
    on_failure: rollback
    services:
      app:
        run: |
          echo $$ >> served
          exec node -e 'require("net").createServer((s) => s.on("error", () => {}).end()).listen(process.env.PORT, "127.0.0.1")'
        env: { GREETING: "\${{ inputs.greeting }}" }
    inputs: { app_url: "\${{ services.app.url }}" }
requires:
  - run: '${CALL}'
phases:
  - id: main
    title: Main
    steps:
      - id: slow
        run: |
          echo began >> ledger
          while [ -e hold ]; do ${CALL}; sleep 0.02; done
          echo ended >> ledger
        verify: { run: '${CALL}; grep -q ended ledger' }
        rollback: { run: echo undone >> ledger, verify: { run: grep -q undone ledger } }
`,
  ))
  writeFileSync(join(root, 'hold'), '')
})
afterEach(() => {
  rmSync(join(root, 'hold'), { force: true })
  const last = pids().at(-1)
  if (last !== undefined && runs(last)) process.kill(last, 'SIGKILL')
  dispose()
})

/** The service, each time that it was started. */
const pids = () => linesOf(join(root, 'served')).map(Number)
const runs = (pid: number | undefined) => pid !== undefined && identify(pid) !== undefined
const ledger = () => linesOf(join(root, 'ledger'))
const on = (verb: string, ...more: string[]) =>
  runbook(root, [verb, 'served', '--env', 'sandbox', ...more])

/** A deploy that was killed within its step. */
async function died(): Promise<string> {
  const { child, ran } = start(root, ['deploy', 'served', '--env', 'sandbox'])
  while (!ledger().includes('began')) await sleep(5)
  child.kill('SIGKILL')
  await ran
  return (await recordOf(root)).runs[0]?.state.run ?? ''
}

test('commands that are refused or only ask leave them to the step; resume goes on with it and ends them', async () => {
  const run = await died()
  const [service] = pids()
  const refused = await on('deploy')
  expect(refused.code).toBe(7)
  expect(refused.stderr).toMatch(/which is dead, at step slow$/m)
  expect(refused.stderr).toContain(`runbook resume ${run}`)
  const planned = await on('plan', '--var', 'greeting=another')
  expect(planned.code, planned.stderr).toBe(0)
  const verified = await on('verify')
  expect(verified.code, verified.stderr).toBe(3)
  expect([pids(), runs(service)]).toEqual([[service], true])

  const resumed = start(root, ['resume', '-o', 'json'])
  while ((await recordOf(root)).runs[0]?.events.at(-1)?.type !== 'run.resumed') await sleep(5)
  rmSync(join(root, 'hold'))
  const ended = await resumed.ran
  expect([ended.code, statuses(ended)], ended.stderr).toEqual([0, 'slow done'])
  expect(ledger()).toEqual(['began', 'ended'])
  expect([pids(), runs(service)]).toEqual([[service], false])
})

test('a refused deploy starts none; abandon ends those that stayed up', async () => {
  const run = await died()
  const [first] = pids()
  process.kill(first ?? 0, 'SIGKILL')
  while (runs(first)) await sleep(5)
  expect((await on('deploy')).code).toBe(7)
  expect(pids()).toEqual([first])
  expect((await on('plan')).code).toBe(0)
  const second = pids()[1]
  expect(runs(second)).toBe(true)
  const given = await runbook(root, ['abandon', run, '--reason', 'so'])
  expect([given.code, runs(second)], given.stderr).toEqual([0, false])
  rmSync(join(root, 'hold'))
  const next = await on('deploy')
  expect([next.code, runs(pids().at(-1))], next.stderr).toEqual([0, false])
})
