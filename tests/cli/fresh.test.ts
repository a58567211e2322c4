/** `deploy --fresh`: the runs that were in the sandbox are closed before its data goes, and that it goes is said. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { recordOf } from '../crash/record.ts'
import { project, runbook, summaryOf } from '../tool.ts'

vi.setConfig({ testTimeout: 30_000 })

const SERVE = `exec node -e 'require("net").createServer().listen(process.env.PORT, "127.0.0.1")'`

let root: string
let dispose: () => void
let word: string | undefined
beforeEach(() => {
  word = 'given'
  ;({ root, dispose } = project(
    'kept',
    `runbook: kept
title: A step whose effect is kept by a service
version: "1"
inputs: { word: { secret: true, min_length: 3 } }
environments:
  sandbox:
    lock: shared
    inputs: { word: { env: FRESH_WORD } }
    services:
      app: { run: '${SERVE.replaceAll("'", "''")}' }
      second: { run: 'test ! -e second-is-broken && ${SERVE.replaceAll("'", "''")}' }
  other: { lock: shared, inputs: { word: { env: FRESH_WORD } } }
requires:
  - run: test ! -e closed
phases:
  - id: main
    steps:
      - id: one
        when: environment.name == "sandbox"
        run: echo data > "$DIR/data"
        env: { DIR: "\${{ services.app.dir }}" }
        verify: { run: 'test -e "$DIR/data"', env: { DIR: "\${{ services.app.dir }}" } }
        rollback: { run: 'rm "$DIR/data"', env: { DIR: "\${{ services.app.dir }}" }, verify: inverse }
      - id: elsewhere
        when: environment.name == "other"
        run: 'false'
        verify: { run: 'false' }
        rollback: { run: 'true', verify: { run: 'true' } }
`,
  ))
})
afterEach(() => {
  dispose()
})

const deploy = (env = 'sandbox', ...more: string[]) =>
  runbook(root, ['deploy', 'kept', '--env', env, ...more], { env: { FRESH_WORD: word } })
const fresh = () => deploy('sandbox', '--fresh')
const put = (name: string) => {
  writeFileSync(join(root, name), '')
}
const data = () => existsSync(join(root, '.runbook/services/kept/sandbox/app/data/data'))
/** Newest first, and what holds a lock. */
const record = async () => {
  const { runs, locks } = await recordOf(root)
  return { runs: runs.map(({ state }) => state.status), locks: locks.map(({ run }) => run) }
}
/** Deployed, with the run's id. */
const deployed = async (): Promise<string> => {
  const ran = await deploy('sandbox', '-o', 'json')
  expect([ran.code, data()], ran.stderr).toEqual([0, true])
  return summaryOf(ran).run
}

test('refused by a precondition it says what is gone, and no run claims that it is there', async () => {
  const run = await deployed()
  put('closed')
  const refused = await fresh()
  expect([refused.code, data()]).toEqual([6, false])
  expect(refused.stderr).not.toContain('nothing was touched')
  for (const words of [`run ${run} is closed`, 'the data of its services is gone'])
    expect(refused.stderr).toContain(words)
  expect(await record()).toEqual({ runs: ['abandoned'], locks: [] })
  rmSync(join(root, 'closed'))
  expect((await fresh()).code).toBe(0)
})

test('where a service does not start again nothing is left to undo, and nothing held', async () => {
  const run = await deployed()
  put('second-is-broken')
  const refused = await fresh()
  expect([refused.code, data()]).toEqual([6, false])
  expect(refused.stderr).toContain(`run ${run} is closed`)
  expect(await record()).toEqual({ runs: ['abandoned'], locks: [] })
  rmSync(join(root, 'second-is-broken'))
  const back = await runbook(root, ['rollback'])
  expect([back.code, back.stderr]).toEqual([0, expect.stringContaining('nothing left to undo')])
})

test('while another run has the lock nothing is closed and nothing goes', async () => {
  await deployed()
  expect((await deploy('other')).code).toBe(3)
  const before = await record()
  const refused = await fresh()
  expect([refused.code, data(), await record()], refused.stderr).toEqual([7, true, before])
})

test.each([undefined, 'no'])(
  'with a variable that is %s nothing is closed and nothing goes',
  async (given) => {
    await deployed()
    word = given
    const before = await record()
    const refused = await fresh()
    expect([refused.code, data(), await record()], refused.stderr).toEqual([2, true, before])
  },
)
