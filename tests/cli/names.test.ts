/** Names that are misspelt where nothing is left to do: that is no reason to say that all is well. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { project, runbook, summaryOf } from '../tool.ts'

vi.setConfig({ testTimeout: 60_000 })

const yaml = (name: string, environment: string) => `runbook: ${name}
title: Undone already
version: "1"
environments: { local: {}, ${environment}: {} }
rollback_scopes: { app: { title: The application. } }
phases:
  - id: main
    steps:
      - id: write_page
        run: touch page
        verify: { run: test -e page }
        scope: app
        rollback: { run: rm -f page, verify: inverse }
${Array.from({ length: 20 }, (_, i) => `      - { id: look_${i}, run: 'true', effect: none }`).join('\n')}
`

const made = project('slow', yaml('slow', 'sandbox'))
const { root } = made
const run = (line: string) => runbook(root, line.split(' '))
let id: string

beforeAll(async () => {
  writeFileSync(join(root, 'runbooks/gone.yaml'), yaml('gone', 'once'))
  expect((await run('deploy gone -e once')).code).toBe(0)
  id = summaryOf(await run('deploy slow -e local -o json')).run
  for (const name of ['slow', 'gone']) expect((await run(`rollback ${name}`)).code).toBe(0)
  rmSync(join(root, 'runbooks/gone.yaml'))
}, 60_000)
afterAll(made.dispose)

test('an environment that neither the runbook nor the record knows: 2, before anything else', async () => {
  const verbs = ['rollback', 'resume', 'status', 'history']
  const lines = [...verbs.map((verb) => `${verb} slow -e loacl`), 'status -e loacl']
  lines.push('abandon --reason so -e loacl', `rollback ${id} -e loacl`)
  for (const [line, ran] of lines.map((one) => [one, run(one)] as const)) {
    const { code, stdout, stderr } = await ran
    expect([line, code, stdout], stderr).toEqual([line, 2, ''])
    expect(stderr).toContain('did you mean "local"?')
    expect(stderr).not.toContain('nothing left')
  }
})

test('a run of another environment than the one that is named with it: 2, and nothing is done to it', async () => {
  for (const verb of ['rollback', 'resume', 'status', 'logs']) {
    const { code, stdout, stderr } = await run(`${verb} ${id} -e sandbox`)
    expect([verb, code, stdout], stderr).toEqual([verb, 2, ''])
    expect(stderr).toContain(`run ${id} is in local, not in sandbox`)
  }
  expect((await run(`status ${id} -e local`)).code).toBe(0)
})

test('one that only today’s runbook knows, or only the record of one that is gone, is no mistake', async () => {
  for (const line of ['rollback slow -e sandbox', 'resume -e once', 'status gone -e once'])
    expect([line, (await run(line)).code]).toEqual([line, 0])
})

test('a scope or a step that nothing has: 2, also when nothing is left to undo or to resume', async () => {
  const lines = {
    'rollback --scope ap': 'did you mean "app"?',
    'rollback slow --to write_paeg': 'did you mean "write_page"?',
    'rollback --last-resort nosuch': 'there is no step "nosuch"',
    'resume --retry the_page': 'did you mean one of: write_page?',
  }
  for (const [line, hint] of Object.entries(lines)) {
    const { code, stderr } = await run(line)
    expect([line, code, stderr]).toEqual([line, 2, expect.stringContaining(hint)])
  }
  expect(await run('rollback --scope app')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('nothing left') as string,
  })
})

test('-o json: an object of the same shape when there is nothing to do', async () => {
  const keys = Object.keys(summaryOf(await run(`status ${id} -o json`)))
  const nothing = { status: 'nothing_to_do', exit_code: 0 }
  const lines = {
    'abandon --reason so -o json': { ...nothing, run: null },
    'rollback -o json': { ...nothing, run: null, runbook: null, steps: [] },
    'resume slow -e local -o json': { ...nothing, runbook: 'slow', environment: 'local' },
    [`rollback ${id} --scope app -o json`]: { ...nothing, run: id, runbook: 'slow' },
    'status slow -e sandbox -o json': { ...nothing, run: null, environment: 'sandbox' },
  }
  for (const [line, expected] of Object.entries(lines)) {
    const ran = await run(line)
    expect([line, ran.code, Object.keys(summaryOf(ran))]).toEqual([line, 0, keys])
    expect(summaryOf(ran)).toMatchObject(expected)
  }
  const dry = await run('rollback --dry-run -o json')
  expect(JSON.parse(dry.stdout)).toEqual({ run: null, undo: [] })
  expect((await run('logs slow -e sandbox -o json')).stdout).toBe('[]\n')
})

test('a runbook’s name where a run is wanted, and a step of a run with many', async () => {
  const status = await run('status solw')
  expect([status.code, status.stderr]).toEqual([2, expect.stringContaining('did you mean "slow"?')])
  const like = await run(`logs ${id} page`)
  expect([like.code, like.stderr]).toEqual([2, expect.stringContaining('write_page')])
  const unlike = await run(`logs ${id} nosuch`)
  expect(unlike.stderr).toContain('runbook show slow lists them')
})
