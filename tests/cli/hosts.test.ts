/** A step on hosts of this machine: batches, state by host, and the way back. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { recordOf } from '../crash/record.ts'
import { remote } from '../crash/remote.ts'
import { linesOf, project, runbook, start, statuses, summaryOf, type Ran } from '../tool.ts'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

/** Who does what when is in `ledger`; a file `fail-b2` lets the action fail there. */
const YAML = `runbook: roll
title: Roll
version: "1"
inputs: { release: { default: new }, base: { default: "http://h" } }
environments:
  test:
    hosts:
      backend:
        b1: { url: "\${{ inputs.base }}:1", file: b1, weight: 1 }
        b2: { url: "\${{ inputs.base }}:2", file: b2, weight: 2 }
        b3: { url: "\${{ inputs.base }}:3", file: b3, weight: 3 }
phases:
  - id: main
    title: Main
    concurrent: __CONCURRENT__
    steps:
      - id: before
        hosts: backend
        batch: 3
        run: cat "$RUNBOOK_HOST_FILE" 2>/dev/null || echo nothing
        effect: none
        outputs: { release: output }
  - id: roll
    title: Roll
    concurrent: __CONCURRENT__
    steps:
      - id: switch
        title: Switch
        hosts: backend
        batch: __BATCH__
        when: host.weight < 9
        run: |
          echo "do $RUNBOOK_STEP $RUNBOOK_HOST $RUNBOOK_HOST_URL" >> ledger
          __MORE__
          [[ ! -e "fail-$RUNBOOK_HOST" ]]
          echo "$RELEASE" > "$RUNBOOK_HOST_FILE"
          echo "key $RUNBOOK_IDEMPOTENCY_KEY"
        outputs: { said: output }
        verify:
          run: 'echo "ask $RUNBOOK_HOST" >> ledger; cat "$RUNBOOK_HOST_FILE"'
          expect: output == inputs.release && steps.switch[host.name].said.endsWith("switch@" + host.name)
        rollback:
          run: 'echo "undo $RUNBOOK_HOST" >> ledger; echo "$WAS" > "$RUNBOOK_HOST_FILE"'
          env: { WAS: "\${{ steps.before[host.name].release }}" }
          verify:
            run: cat "$RUNBOOK_HOST_FILE"
            expect: output == steps.before[host.name].release
      - id: beside
        run: touch beside
        verify: { run: test -e beside }
        rollback: { run: rm -f beside, verify: inverse }
  - id: end
    title: End
    steps:
      - id: all
        verify:
          run: "true"
          expect: size(steps.switch) == 3 && steps.switch["b2"].said.contains("b2")
finally:
  - id: bye
    hosts: backend
    run: echo "bye $RUNBOOK_HOST" >> ends; [[ $RUNBOOK_HOST != b1 ]]
`

function rolling({ batch = 1, concurrent = 1, more = 'true' } = {}): string {
  const yaml = YAML.replaceAll('__CONCURRENT__', String(concurrent))
    .replace('__BATCH__', String(batch))
    .replace('__MORE__', more)
  made = project('roll', yaml)
  return made.root
}

const deploy = ['deploy', 'roll', '--env', 'test']
const json = ['-o', 'json']
const ledger = (root: string) => linesOf(join(root, 'ledger'))
const file = (root: string, name: string) => readFileSync(join(root, name), 'utf8').trim()
const ok = (ran: Ran): Ran => {
  expect(ran.code, ran.stderr).toBe(0)
  return ran
}
/** Only what a step of the phases came to. */
const switched = (ran: Ran) => statuses(ran).replace(/, bye@.*/, '')

describe('a step on hosts', () => {
  test('runs on one after the other, each verified before the next begins', async () => {
    const root = rolling()
    const ran = ok(await runbook(root, [...deploy, ...json]))
    expect(ledger(root)).toEqual([
      'do switch b1 http://h:1',
      'ask b1',
      'do switch b2 http://h:2',
      'ask b2',
      'do switch b3 http://h:3',
      'ask b3',
    ])
    expect(switched(ran)).toBe(
      'before@b1 done, before@b2 done, before@b3 done, switch@b1 done, switch@b2 done, switch@b3 done, beside done, all done',
    )
    const [run] = (await recordOf(root)).runs
    const hosts = run?.events.flatMap((e) => (e.type === 'step.done' ? [e.host ?? '-'] : []))
    expect(hosts?.slice(3)).toEqual(['b1', 'b2', 'b3', '-', '-', 'b2', 'b3'])
  })

  test('in batches: those of one run together, and the next waits for all of them', async () => {
    // Both of the first batch must have begun before either can go on.
    const meet =
      'touch "here-$RUNBOOK_HOST"; [[ $RUNBOOK_HOST == b3 ]] || until [[ -e here-b1 && -e here-b2 ]]; do read -t 0.02 <> <(:) || true; done'
    const root = rolling({ batch: 2, more: meet })
    ok(await runbook(root, deploy))
    const lines = ledger(root)
    expect(lines.indexOf('do switch b3 http://h:3')).toBeGreaterThan(lines.indexOf('ask b1'))
    expect(lines.indexOf('do switch b3 http://h:3')).toBeGreaterThan(lines.indexOf('ask b2'))
  })

  test('when one fails no further one starts; resume goes on with it and not with those done', async () => {
    const root = rolling()
    writeFileSync(join(root, 'fail-b2'), '')
    const ran = await runbook(root, [...deploy, ...json])
    expect(ran.code, ran.stderr).toBe(3)
    expect(switched(ran)).toContain('switch@b1 done, switch@b2 failed, switch@b3 pending')
    expect(linesOf(join(root, 'ends'))).toEqual(['bye b1', 'bye b2', 'bye b3'])

    const refused = await runbook(root, ['resume', ...json])
    expect(refused.code, refused.stderr).toBe(3)
    expect(refused.stderr).toContain('--retry switch@b2')

    rmSync(join(root, 'fail-b2'))
    const before = ledger(root).length
    const again = ok(await runbook(root, ['resume', '--retry', 'switch', ...json]))
    expect(switched(again)).toContain('switch@b1 done, switch@b2 done, switch@b3 done')
    expect(
      ledger(root)
        .slice(before)
        .filter((line) => line.startsWith('do')),
    ).toEqual(['do switch b2 http://h:2', 'do switch b3 http://h:3'])
  })

  test('the others of a batch finish; the undo is of those that started, newest first', async () => {
    const root = rolling({ batch: 2 })
    for (const name of ['b1', 'b2', 'b3']) writeFileSync(join(root, name), 'old\n')
    writeFileSync(join(root, 'fail-b1'), '')
    const ran = await runbook(root, [...deploy, ...json])
    expect(switched(ran)).toContain('switch@b1 failed, switch@b2 done, switch@b3 pending')
    expect(file(root, 'b2')).toBe('new')
    ok(await runbook(root, ['rollback']))
    const [run] = (await recordOf(root)).runs
    const of = (type: string) =>
      run?.events.flatMap((e) => (e.type === type && 'step' in e ? [e.step] : [])) ?? []
    const started = of('step.started').filter((id) => id.startsWith('switch'))
    expect(started).toHaveLength(2)
    expect(of('undo.armed')).toEqual(started.toReversed())
    for (const name of ['b1', 'b2', 'b3']) expect(file(root, name)).toBe('old')
  })

  test('on_failure: undo undoes what failed, and leaves the hosts that are done', async () => {
    const root = rolling()
    writeFileSync(join(root, 'fail-b2'), '')
    const ran = await runbook(root, [...deploy, '--on-failure', 'undo', ...json])
    expect(ran.code, ran.stderr).toBe(3)
    expect(switched(ran)).toContain('switch@b1 done, switch@b2 undone, switch@b3 pending')
  })

  test('rollback --to one of them leaves it and those before', async () => {
    const root = rolling()
    ok(await runbook(root, deploy))
    const ran = ok(await runbook(root, ['rollback', '--to', 'switch@b2', ...json]))
    expect(switched(ran)).toContain(
      'switch@b1 done, switch@b2 done, switch@b3 undone, beside undone',
    )
    const whole = ok(await runbook(root, ['rollback', ...json]))
    expect(switched(whole)).toContain('switch@b1 undone, switch@b2 undone, switch@b3 undone')
  })

  test('in a concurrent phase it is one of the steps', async () => {
    // `beside` must run while the first host is still at it.
    const root = rolling({
      concurrent: 4,
      more: 'until [[ -e beside ]]; do read -t 0.02 <> <(:) || true; done',
    })
    ok(await runbook(root, deploy))
    expect(ledger(root).filter((line) => line.startsWith('do'))).toHaveLength(3)
  })

  test('those in doubt are named with their hosts, and answered so', async () => {
    const other = await remote()
    other.holds = true
    made = project(
      'posts',
      `runbook: posts
title: Posts
version: "1"
environments: { test: { hosts: { two: { b1: { url: "${other.url}/b1" }, b2: { url: "${other.url}/b2" } } } } }
phases:
  - id: main
    steps:
      - id: post
        hosts: two
        batch: 2
        http: { post: "\${{ host.url }}", json: {} }
        verify: { http: { get: "\${{ host.url }}" }, expect: json.made }
        rollback: { http: { delete: "\${{ host.url }}" }, verify: inverse }
`,
    )
    const { root } = made
    try {
      const { child, ran } = start(root, ['deploy', 'posts', '--env', 'test'])
      while (other.asked.filter((method) => method === 'POST').length < 2) await sleep(5)
      child.kill('SIGKILL')
      await ran
      other.holds = false
      const ended = await runbook(root, ['resume'])
      expect(ended.code, ended.stderr).toBe(11)
      for (const host of ['b1', 'b2']) {
        expect(ended.stderr).toMatch(new RegExp(`resolve \\S+ post@${host} --not-done`))
        ok(await runbook(root, ['resolve', 'posts', `post@${host}`, '--not-done', '--reason', 'x']))
      }
      const again = ok(await runbook(root, ['resume', ...json]))
      expect(statuses(again)).toBe('post@b1 done, post@b2 done')
    } finally {
      await other.close()
    }
  })
})

describe('what is shown of it', () => {
  test('a plan has one row for it, with its hosts', async () => {
    const root = rolling({ batch: 2 })
    const ran = ok(await runbook(root, ['plan', 'roll', '--env', 'test', ...json]))
    const { steps } = JSON.parse(ran.stdout) as {
      steps: { id: string; hosts?: string[]; batch?: number }[]
    }
    expect(steps.map(({ id }) => id)).toEqual(['before', 'switch', 'beside', 'all', 'bye'])
    expect(steps[1]).toMatchObject({ hosts: ['b1', 'b2', 'b3'], batch: 2 })
    const text = ok(await runbook(root, ['plan', 'roll', '--env', 'test']))
    expect(text.stdout).toContain('hosts   3, 2 at a time: b1, b2, b3')
  })

  test('logs of the step are those of all hosts, or of one', async () => {
    const root = rolling()
    ok(await runbook(root, deploy))
    const all = ok(await runbook(root, ['logs', 'roll', 'switch']))
    expect(all.stdout).toMatch(/switch@b1 done[\s\S]*switch@b3 done/)
    const one = ok(await runbook(root, ['logs', 'roll', 'switch@b2', '-o', 'ndjson']))
    const events = one.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { host?: string })
    expect(new Set(events.map(({ host }) => host))).toEqual(new Set(['b2']))
  })

  test('a part of it may be asked for', async () => {
    const root = rolling()
    const ran = ok(await runbook(root, [...deploy, '--skip', 'switch@b2,all', ...json]))
    expect(switched(ran)).toContain('switch@b1 done, switch@b2 skipped, switch@b3 done')
    expect(summaryOf(ran).partial).toBe(true)
    const refused = await runbook(root, [...deploy, '--only', 'switch'])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('reads an output of step before')
  })

  test('verify asks every host, with its own outputs', async () => {
    const root = rolling()
    ok(await runbook(root, deploy))
    writeFileSync(join(root, 'b2'), 'changed\n')
    const ran = await runbook(root, ['verify', 'roll', '--env', 'test', ...json])
    const { steps } = JSON.parse(ran.stdout) as {
      steps: { id: string; checks: { answer: string }[] }[]
    }
    const answers = steps.map(({ id, checks }) => `${id} ${checks.map((c) => c.answer).join()}`)
    expect(answers).toContain('switch@b1 holds')
    expect(answers).toContain('switch@b2 does_not_hold')
  })

  test('resolve wants to know which host', async () => {
    const root = rolling()
    ok(await runbook(root, deploy))
    const ran = await runbook(root, ['resolve', 'roll', 'switch', '--done', '--reason', 'x'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('say which: switch@b1, switch@b2, switch@b3')
  })
})
