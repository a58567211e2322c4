/** What nobody can know: a request was under way when the tool died. By the count of requests. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { linesOf, project, runbook, start, statuses, type Ran } from '../tool.ts'
import { recordOf } from './record.ts'
import { remote, type Remote } from './remote.ts'

const hook = ['--import', join(import.meta.dirname, 'kill-at.mjs')]

let other: Remote
let made: { root: string; dispose: () => void }
beforeEach(async () => {
  other = await remote()
})
afterEach(async () => {
  made.dispose()
  await other.close()
})

const ASKS = 'http: { get: "${{ inputs.url }}/it" }'

/** One shell step, then the request; \`more\` are further keys of the request's step. */
function withRequest(more = ''): string {
  made = project(
    'remote',
    `runbook: remote
title: A request to another system
version: "1"
inputs: { url: { default: "${other.url}" } }
environments: { test: {} }
phases:
  - id: main
    title: Main
    steps:
      - id: first
        run: echo first >> ledger
        verify: { run: test -e ledger }
        rollback: { run: rm ledger, verify: inverse }
      - id: post
        http: { post: "\${{ inputs.url }}/it", json: {} }
        ${more}
        verify: { ${ASKS}, expect: json.made }
        rollback: { http: { delete: "\${{ inputs.url }}/it" }, verify: inverse }
`,
  )
  return made.root
}

const deploy = ['deploy', 'remote', '--env', 'test']
const json = ['-o', 'json']

/** Killed while its request is under way and nobody has answered. */
async function killedInFlight(root: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<Ran> {
  other.holds = true
  const { child, ran } = start(root, deploy)
  while (!other.asked.includes('POST')) await sleep(5)
  child.kill(signal)
  if (signal === 'SIGKILL') return ran
  await sleep(50)
  child.kill(signal)
  return ran
}

async function runOf(root: string) {
  const [run] = (await recordOf(root)).runs
  if (run === undefined) throw new Error('there is no run')
  return run
}

describe('a request was under way', () => {
  test('a person is asked: exit 11, with the three answers, as often as one resumes', async () => {
    const root = withRequest()
    await killedInFlight(root)
    for (let times = 1; times <= 2; times += 1) {
      const ran = await runbook(root, ['resume'])
      expect(ran.code, ran.stderr).toBe(11)
      const { run } = (await runOf(root)).state
      for (const word of ['--done', '--not-done', '--undo'])
        expect(ran.stderr).toContain(`runbook resolve ${run} post ${word}`)
    }
    expect(other.asked).toEqual(['POST'])
    expect((await runOf(root)).state.status).toBe('in_doubt')
  })

  const answered = async (word: string) => {
    const root = withRequest()
    await killedInFlight(root)
    expect((await runbook(root, ['resume'])).code).toBe(11)
    const { run } = (await runOf(root)).state
    const said = await runbook(root, ['resolve', run, 'post', word, '--reason', 'I looked'])
    expect(said.code, said.stderr).toBe(0)
    // A word is a word: nothing was done by saying it.
    expect(other.asked).toEqual(['POST'])
    return root
  }

  test('it took effect: not asked again, and its check holds', async () => {
    const root = await answered('--done')
    other.made = true
    const ran = await runbook(root, ['resume', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
    expect(other.asked).toEqual(['POST'])
    const done = (await runOf(root)).events.find((e) => e.type === 'step.done' && e.step === 'post')
    expect(done).toMatchObject({ settled: 'person' })
  })

  test('it took effect, said somebody, but its check does not hold', async () => {
    const root = await answered('--done')
    const ran = await runbook(root, ['resume', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([3, 'first done, post failed'])
    expect(other.asked).toEqual(['POST'])
  })

  test('it took no effect: asked once more, now answered', async () => {
    const root = await answered('--not-done')
    other.letGo()
    const ran = await runbook(root, ['resume', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
    expect(other.asked).toEqual(['POST', 'POST'])
    expect(linesOf(join(root, 'ledger'))).toEqual(['first'])
  })

  test('nobody can know: undone first, and that verified, then asked once more', async () => {
    const root = await answered('--undo')
    other.letGo()
    const ran = await runbook(root, ['resume', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
    expect(other.asked).toEqual(['POST', 'DELETE', 'POST'])
    const types = (await runOf(root)).events.map((e) => e.type)
    expect(types.indexOf('undo.verified')).toBeGreaterThan(types.indexOf('step.resolved'))
  })

  test('a rollback takes it along, without a word', async () => {
    const root = withRequest()
    await killedInFlight(root)
    const ran = await runbook(root, ['rollback', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first undone, post undone'])
    expect(other.asked).toEqual(['POST', 'DELETE'])
  })

  test('a word on a step that is not in doubt is refused, and so is one on no step', async () => {
    const root = withRequest()
    await killedInFlight(root)
    await runbook(root, ['resume'])
    const { run } = (await runOf(root)).state
    const word = (...args: string[]) => runbook(root, ['resolve', run, ...args, '--reason', 'so'])
    expect(await word('first', '--done')).toMatchObject({ code: 2, stdout: '' })
    const typo = await word('pst', '--done')
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringMatching(/did you mean "?post/i)])
    expect((await word('post')).code).toBe(2)
    expect((await word('post', '--done', '--undo')).code).toBe(2)
  })
})

test('its check was seen not to hold before and holds now: settled without a person', async () => {
  const root = withRequest()
  await killedInFlight(root)
  other.made = true
  const ran = await runbook(root, ['resume', ...json])
  expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
  expect(other.asked).toEqual(['POST'])
  const done = (await runOf(root)).events.find((e) => e.type === 'step.done' && e.step === 'post')
  expect(done).toMatchObject({ settled: 'check' })
})

test('its check held before already, so it says nothing now', async () => {
  const root = withRequest()
  other.made = true
  await killedInFlight(root)
  expect((await runbook(root, ['resume'])).code).toBe(11)
})

test('its check needs what only its answer would tell, so it was not asked before', async () => {
  const root = withRequest('outputs: { id: json.id }')
  const own = join(root, 'runbooks/remote.yaml')
  const { readFileSync, writeFileSync } = await import('node:fs')
  const text = readFileSync(own, 'utf8').replace(
    'verify: { http: { get: "${{ inputs.url }}/it" }',
    'verify: { http: { get: "${{ inputs.url }}/${{ steps.post.id }}" }',
  )
  writeFileSync(own, text)
  await killedInFlight(root)
  other.made = true
  expect((await runbook(root, ['resume'])).code).toBe(11)
  // What it would have said is lost; a step that needs it can only be done anew.
  const { run } = (await runOf(root)).state
  await runbook(root, ['resolve', run, 'post', '--not-done', '--reason', 'deleted by hand'])
  other.letGo()
  const ran = await runbook(root, ['resume', ...json])
  expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
  expect(other.asked).toEqual(['POST', 'POST'])
})

test('an idempotent one is simply sent again', async () => {
  const root = withRequest('effect: idempotent')
  await killedInFlight(root)
  other.letGo()
  const ran = await runbook(root, ['resume', ...json])
  expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
  expect(other.asked).toEqual(['POST', 'POST'])
})

describe('killed before it was sent', () => {
  // The seventh commit is that of its intent: what the file is, its tables, that it can be written, a run,
  // armed, done, then this.
  const armed = async (root: string) => {
    const { events } = await runOf(root)
    return events.some((e) => e.type === 'step.armed' && e.step === 'post')
  }
  test('and before its intent was durable: nothing happened, it is sent once', async () => {
    const root = withRequest()
    const killed = await runbook(root, deploy, { node: hook, env: { CRASH_AT: 'commit:7:before' } })
    expect([killed.signal, await armed(root)]).toEqual(['SIGKILL', false])
    const ran = await runbook(root, ['resume', ...json])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, post done'])
    expect(other.asked).toEqual(['POST'])
  })

  test('but after its intent was durable: nobody can know whether it went out', async () => {
    const root = withRequest()
    const killed = await runbook(root, deploy, { node: hook, env: { CRASH_AT: 'commit:7:after' } })
    expect([killed.signal, await armed(root)]).toEqual(['SIGKILL', true])
    expect((await runbook(root, ['resume'])).code).toBe(11)
    expect(other.asked).toEqual([])
  })
})

test('interrupted by a second Ctrl-C: in doubt at once, and 130', async () => {
  const root = withRequest()
  const killed = await killedInFlight(root, 'SIGINT')
  expect(killed.code, killed.stderr).toBe(130)
  expect((await runOf(root)).state).toMatchObject({ status: 'in_doubt', exit_code: 130 })
  for (const word of ['--done', '--not-done', '--undo']) expect(killed.stderr).toContain(word)
  expect((await runbook(root, ['resume'])).code).toBe(11)
  expect(other.asked).toEqual(['POST'])
})
