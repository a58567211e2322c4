import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { recordOf } from '../crash/record.ts'
import { linesOf, project, runbook, start, statuses, summaryOf } from '../tool.ts'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

/** A project whose one phase has these steps, in YAML flow or block form, indented by six. */
function withSteps(steps: string, more = ''): string {
  made = project(
    'sample',
    `runbook: sample
title: Sample
version: "1"
environments:
  test: {}
  back: { on_failure: rollback }
  one_back: { on_failure: undo }
rollback_scopes:
  app: { title: The application. }
  database: { title: The database., with: [app] }
${more}
phases:
  - id: main
    title: Main
    steps:
${steps}`,
  )
  return made.root
}

const good = (id: string, more = ''): string => `
      - id: ${id}
        run: touch ${id}; echo ${id} >> order
        verify: { run: test -e ${id} }
        rollback: { run: rm -f ${id}; echo undo ${id} >> order, verify: inverse }
        ${more}
`

function deploy(root: string, env = 'test', ...more: string[]) {
  return runbook(root, ['deploy', 'sample', '--env', env, '-o', 'json', ...more])
}

describe('an action and its check', () => {
  test.each([
    ['good and holds', 'true', 'true', 0, 'one done', null],
    ['good, the check does not hold', 'true', 'false', 3, 'one failed', 'verify_failed'],
    [
      'fails, the check holds all the same',
      'false',
      'true',
      3,
      'one failed',
      'action_failed_check_passed',
    ],
    ['fails, nor does the check hold', 'false', 'false', 3, 'one failed', 'action_failed'],
    ['good, the check cannot be asked', 'true', 'no-such-command', 3, 'one failed', 'inconclusive'],
  ])('%s', async (_title, action, check, code, status, reason) => {
    const root = withSteps(
      `      - { id: one, run: "${action}", verify: { run: "${check}" }, rollback: { run: "true", verify: inverse } }`,
    )
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([code, status])
    const failed = (await recordOf(root)).runs[0]?.events.find((e) => e.type === 'step.failed')
    expect(failed?.failure.reason ?? null).toBe(reason)
  })

  test('a check that cannot tell stops the run, whatever on_failure says, and that is said', async () => {
    const root = withSteps(
      `${good('one')}      - { id: two, run: "true", verify: { run: no-such-command }, rollback: { run: "true", verify: inverse } }`,
    )
    for (const environment of ['back', 'one_back', 'test']) {
      const ran = await deploy(root, environment)
      expect([ran.code, statuses(ran)]).toEqual([3, 'one done, two failed'])
      const why = 'not rolled back by itself: a check could not tell'
      expect(ran.stderr.includes(why)).toBe(environment !== 'test')
      await runbook(root, ['abandon', '--reason', 'seen'])
    }
  })

  test('a step that hangs is ended with all that it started', async () => {
    const root = withSteps(`      - id: one
        run: sleep 77.25 & sleep 77.75
        timeout: 300ms
        verify: { run: "false" }
        rollback: { run: "true", verify: inverse }
`)
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)]).toEqual([3, 'one failed'])
    const left = await runbookless('pgrep', ['-f', 'sleep 77.'])
    expect(left).toBe('')
  })

  test('a check is asked again within its time, and not longer', async () => {
    const root = withSteps(`      - id: one
        run: (sleep 0.3; touch late) > /dev/null 2>&1 &
        leaves_processes: true
        verify: { run: test -e late, retry: { within: 5s, every: 50ms } }
        rollback: { run: rm -f late, verify: inverse }
`)
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'one done'])
  })

  test('an idempotent action may be tried again, each attempt in the record', async () => {
    const root = withSteps(`      - id: one
        run: echo x >> tries; test "$(wc -l < tries)" -ge 3
        effect: idempotent
        retry: { attempts: 4, every: 10ms }
        verify: { run: test -e tries }
        rollback: { run: rm tries, verify: inverse }
`)
    const ran = await deploy(root)
    expect(summaryOf(ran).steps[0]).toMatchObject({ status: 'done', attempts: 3 })
  })

  test('outputs of one step are values of the next, and never code', async () => {
    const root =
      withSteps(`      - { id: ask, run: "echo '$(touch pwned); \\"x'", effect: none, outputs: { said: output } }
      - id: one
        run: printf %s "$SAID" > said
        env: { SAID: "\${{ steps.ask.said }}" }
        verify: { run: cat said, expect: output == steps.ask.said }
        rollback: { run: rm said, verify: inverse }
`)
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'ask done, one done'])
    expect(existsSync(join(root, 'pwned'))).toBe(false)
    expect(linesOf(join(root, 'said'))).toEqual(['$(touch pwned); "x'])
  })
})

describe('what is there already', () => {
  test('is satisfied, not run, and never undone', async () => {
    const root = withSteps(good('one', 'skip_if_verified: true') + good('two'))
    writeFileSync(join(root, 'one'), '')
    expect(statuses(await deploy(root))).toBe('one satisfied, two done')
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)]).toEqual([0, 'one satisfied, two undone'])
    expect(existsSync(join(root, 'one'))).toBe(true)
  })

  test('a condition that is false skips the step with its reason', async () => {
    const root = withSteps(good('one', 'when: environment.name == "prod"'))
    const ran = await deploy(root)
    expect(summaryOf(ran).steps[0]).toMatchObject({
      status: 'skipped',
      reason: expect.stringContaining('environment.name') as string,
    })
  })
})

describe('preconditions', () => {
  test('of the runbook: nothing is touched, and there is no run', async () => {
    const root = withSteps(good('one'), 'requires: [{ run: test -e key }]')
    const ran = await deploy(root)
    expect(ran.code).toBe(6)
    expect(existsSync(join(root, 'one'))).toBe(false)
    expect((await runbook(root, ['history', '-o', 'json'])).stdout.trim()).toBe('[]')
  })

  test('of a step: it does not start, and resume goes on when it holds', async () => {
    const root = withSteps(good('one') + good('two', 'requires: [{ run: test -e key }]'))
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)]).toEqual([6, 'one done, two pending'])
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['resume', '-o', 'json'])
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'one done, two done'])
  })
})

const telling = `finally:
  - { id: tell, run: 'echo "$HOW" >> told', env: { HOW: "\${{ run.status }}" }, effect: none }`

describe('rolling back', () => {
  const failing = `      - { id: bad, run: touch bad; false, verify: { run: test -e bad }, rollback: { run: rm -f bad; echo undo bad >> order, verify: inverse } }\n`

  test('by itself when a step fails: everything that started, newest first, the failed one included; finally runs then, as after a failure', async () => {
    const root = withSteps(good('one') + good('two') + failing, telling)
    const ran = await deploy(root, 'back')
    expect([ran.code, summaryOf(ran).status, statuses(ran)], ran.stderr).toEqual([
      4,
      'rolled_back',
      'one undone, two undone, bad undone, tell done',
    ])
    expect(linesOf(join(root, 'order'))).toEqual(['one', 'two', 'undo bad', 'undo two', 'undo one'])
    // `finally` knows how the run ended.
    expect(linesOf(join(root, 'told'))).toEqual(['rolled_back'])
    await deploy(root, 'test')
    expect(linesOf(join(root, 'told'))).toEqual(['rolled_back', 'failed'])
  })

  test('only the failed step where the document says undo; resume runs it again', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: two, run: test -e key && touch two, verify: { run: test -e two }, rollback: { run: rm -f two; echo undo two >> order, verify: inverse } }`,
    )
    const ran = await deploy(root, 'one_back')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([3, 'one done, two undone'])
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['resume', '-o', 'json'])
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'one done, two done'])
  })

  test('only the failed step also after an irreversible one, which is not crossed', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: wall, run: touch wall, irreversible: The old rows are gone., verify: { run: test -e wall } }\n` +
        failing,
    )
    const ran = await deploy(root, 'one_back')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([3, 'one done, wall done, bad undone'])
    expect(existsSync(join(root, 'bad'))).toBe(false)
  })

  test('nothing where the irreversible step itself failed, and that is said', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: wall, run: touch wall; false, irreversible: The old rows are gone., verify: { run: test -e wall } }\n`,
    )
    const ran = await deploy(root, 'back')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([3, 'one done, wall failed'])
    expect(ran.stderr).toContain('not rolled back by itself: step "wall" is irreversible')
  })

  test('nothing by default: the next command is said, and a once step needs a word to run again', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: two, run: test -e key && touch two, verify: { run: test -e two }, rollback: { run: rm -f two, verify: inverse } }`,
    )
    expect((await deploy(root)).code).toBe(3)
    const without = await runbook(root, ['resume'])
    expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('--retry two')])
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['resume', '--retry', 'two', '-o', 'json'])
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'one done, two done'])
  })

  test('an undo that fails stops the rollback with 5 and lists what is where', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: two, run: touch two, verify: { run: test -e two }, rollback: { run: test -e key && rm two, verify: inverse } }\n` +
        good('three'),
    )
    await deploy(root)
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, summaryOf(back).status, statuses(back)]).toEqual([
      5,
      'rollback_failed',
      'one done, two undo_failed, three undone',
    ])
    expect(back.stderr).toMatch(/runbook rollback/)
    writeFileSync(join(root, 'key'), '')
    const again = await runbook(root, ['rollback', '-o', 'json'])
    expect([again.code, statuses(again)], again.stderr).toEqual([
      0,
      'one undone, two undone, three undone',
    ])
  })

  test('an undo may be tried again, each attempt in the record; why the run turned round stays known', async () => {
    const undo = `        rollback:
          run: echo x >> tries; test "$(wc -l < tries)" -ge "$NEEDED" && rm two
          env: { NEEDED: "\${{ inputs.needed }}" }
          retry: { attempts: 3, every: 10ms }
          verify: { run: test ! -e two }
`
    const root = withSteps(
      good('one') +
        `      - id: two\n        run: touch two; echo no; false\n        verify: { run: test -e two }\n${undo}`,
      'inputs: { needed: { default: "3" } }',
    )
    const ran = await deploy(root, 'back')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([4, 'one undone, two undone'])
    expect(linesOf(join(root, 'tries'))).toHaveLength(3)
    expect(ran.stderr).toMatch(/because +step two failed/)
    expect(ran.stderr).toMatch(/failed +its action failed, although its check holds/)
    const { events } = (await recordOf(root)).runs[0] ?? {}
    const tries = events?.filter(
      (e) => e.type.startsWith('undo.') && 'step' in e && e.step === 'two',
    )
    const once = ['armed', 'started', 'acted']
    expect(tries?.map((e) => e.type.slice('undo.'.length))).toEqual([
      ...[...once, 'failed', ...once, 'failed'],
      ...[...once, 'verified', 'done'],
    ])

    rmSync(join(root, 'tries'))
    const short = await deploy(root, 'back', '--var', 'needed=4')
    expect([short.code, statuses(short)], short.stderr).toEqual([5, 'one done, two undo_failed'])
    expect(linesOf(join(root, 'tries'))).toHaveLength(3)
    const on = await runbook(root, ['resume', '-o', 'json'])
    expect([on.code, statuses(on)], on.stderr).toEqual([4, 'one undone, two undone'])
    expect(linesOf(join(root, 'tries'))).toHaveLength(4)
  })

  test('each of a list of undos has an idempotency key of its own', async () => {
    const root = withSteps(`
      - id: one
        run: touch a b
        verify: { run: test -e a && test -e b }
        rollback:
          - { run: rm a; echo "$RUNBOOK_IDEMPOTENCY_KEY" >> keys, verify: { run: test ! -e a } }
          - { run: rm b; echo "$RUNBOOK_IDEMPOTENCY_KEY" >> keys, verify: inverse }
`)
    const { run } = summaryOf(await deploy(root))
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'one undone'])
    expect(linesOf(join(root, 'keys'))).toEqual([`${run}-one-undo-0`, `${run}-one-undo-1`])
  })

  test('an undo that a person finished by hand is only verified', async () => {
    const root = withSteps(
      `      - { id: one, run: touch one, verify: { run: test -e one }, rollback: { run: "false", verify: inverse } }`,
    )
    const { run } = summaryOf(await deploy(root))
    expect((await runbook(root, ['rollback'])).code).toBe(5)
    const word = ['resolve', run, 'one', '--done', '--reason', 'removed by hand']
    expect((await runbook(root, word)).code).toBe(0)
    const without = await runbook(root, ['rollback', '-o', 'json'])
    expect([without.code, statuses(without)]).toEqual([5, 'one undo_failed'])
    rmSync(join(root, 'one'))
    expect((await runbook(root, word)).code).toBe(0)
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'one undone'])
  })

  test('a sandbox made anew closes the runs that were in it', async () => {
    const root = withSteps(good('one'))
    const first = summaryOf(await deploy(root)).run
    const second = summaryOf(await deploy(root, 'test', '--fresh')).run
    expect(summaryOf(await runbook(root, ['status', first, '-o', 'json'])).status).toBe('abandoned')
    expect(summaryOf(await runbook(root, ['rollback', '-o', 'json'])).run).toBe(second)
    expect((await runbook(root, ['rollback'])).stderr).toContain('nothing left')
  })

  test('an undo that claims to have worked and did not is found out', async () => {
    const root = withSteps(
      `      - { id: one, run: touch one, verify: { run: test -e one }, rollback: { run: "true", verify: inverse } }`,
    )
    await deploy(root)
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)]).toEqual([5, 'one undo_failed'])
  })

  test('a scope undoes its own steps and leaves the rest; the rest can follow', async () => {
    const root = withSteps(good('table', 'scope: database') + good('release', 'scope: app'))
    await deploy(root)
    const app = await runbook(root, ['rollback', '--scope', 'app', '-o', 'json'])
    expect([app.code, summaryOf(app).status, statuses(app)], app.stderr).toEqual([
      0,
      'partly_rolled_back',
      'table done, release undone',
    ])
    const all = await runbook(root, ['rollback', '-o', 'json'])
    expect([all.code, summaryOf(all).status, statuses(all)]).toEqual([
      0,
      'rolled_back',
      'table undone, release undone',
    ])
  })

  test('newest first: what an older run did is still there, and that is said, until there is nothing left', async () => {
    const root = withSteps(good('one'))
    const first = summaryOf(await deploy(root)).run
    const second = summaryOf(await deploy(root)).run
    const newest = await runbook(root, ['rollback', '-o', 'json'])
    expect([summaryOf(newest).run, newest.stderr]).toEqual([
      second,
      expect.stringContaining(`runbook rollback ${first}`),
    ])
    // One next command, and below it, as another, what undoes the older run; no line breaks in them.
    expect(newest.stderr).toMatch(
      new RegExp(
        `  next +runbook deploy .*\n  or +runbook rollback ${first}\n +undoes the run before, begun .*; what it did is still there\n$`,
      ),
    )
    const older = await runbook(root, ['rollback', '-o', 'json'])
    expect([summaryOf(older).run, older.stderr]).toEqual([
      first,
      expect.not.stringContaining('still there'),
    ])
    const none = await runbook(root, ['rollback'])
    expect([none.code, none.stdout + none.stderr]).toEqual([
      0,
      expect.stringMatching(/nothing .*(left|undo)/i),
    ])
  })

  test('an irreversible step is never crossed: 6 before the first undo', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: wall, run: touch wall, irreversible: The old rows are gone., verify: { run: test -e wall } }\n` +
        good('two'),
    )
    await deploy(root)
    const back = await runbook(root, ['rollback'])
    expect([back.code, back.stderr]).toEqual([6, expect.stringContaining('wall')])
    expect(existsSync(join(root, 'two'))).toBe(true)
    const to = await runbook(root, ['rollback', '--to', 'wall', '-o', 'json'])
    expect([to.code, statuses(to)], to.stderr).toEqual([0, 'one done, wall done, two undone'])
  })

  test('a dry run says what it would undo and touches nothing; the document of the day of the deploy is what is undone, not that of today', async () => {
    const root = withSteps(good('one'))
    await deploy(root)
    const dry = await runbook(root, ['rollback', '--dry-run'])
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('one')])
    const data = await runbook(root, ['rollback', '--dry-run', '-o', 'ndjson'])
    expect(JSON.parse(data.stdout)).toMatchObject({ undo: [{ id: 'one', parts: 1 }] })
    expect(data.stdout.trimEnd()).not.toContain('\n')
    expect(existsSync(join(root, 'one'))).toBe(true)
    writeFileSync(join(root, 'runbooks/sample.yaml'), 'this: is nothing')
    const back = await runbook(root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'one undone'])
  })

  test('finally goes on after the tool died in it: what was told is not told again', async () => {
    const last = `${telling}
  - { id: wait, run: 'touch began; until test -e go; do sleep 0.02; done', effect: none }`
    const root = withSteps(good('one'), last)
    const { child, ran } = start(root, ['deploy', 'sample', '--env', 'test'])
    while (!existsSync(join(root, 'began'))) await sleep(5)
    child.kill('SIGKILL')
    await ran
    writeFileSync(join(root, 'go'), '')
    expect((await runbook(root, ['resume'])).code).toBe(0)
    expect(linesOf(join(root, 'told'))).toEqual(['succeeded'])
  })

  test('a rollback whose tool died when all was undone is brought to its end by rollback as well', async () => {
    const last = `${telling}
  - { id: wait, run: 'touch began; until test -e go; do sleep 0.02; done', effect: none }`
    const root = withSteps(good('one'), last)
    writeFileSync(join(root, 'go'), '')
    const { run } = summaryOf(await deploy(root))
    for (const file of ['go', 'began']) rmSync(join(root, file))
    const { child, ran } = start(root, ['rollback'])
    while (!existsSync(join(root, 'began'))) await sleep(5)
    child.kill('SIGKILL')
    await ran
    writeFileSync(join(root, 'go'), '')
    const status = await runbook(root, ['status'])
    expect(status.stdout).toMatch(
      /runbook resume \S+ +does what is left of finally, and ends the run/,
    )
    for (const args of [[run], []]) {
      const back = await runbook(root, ['rollback', ...args, '-o', 'json'])
      expect(back.code, back.stderr).toBe(0)
    }
    const { state, events } = (await recordOf(root)).runs[0] ?? {}
    expect([state?.status, state?.exit_code]).toEqual(['rolled_back', 0])
    expect(events?.filter((e) => e.type === 'run.rolling_back')).toHaveLength(1)
    expect(linesOf(join(root, 'told'))).toEqual(['succeeded', 'rolled_back'])
    expect(linesOf(join(root, 'order'))).toEqual(['one', 'undo one'])
    expect((await deploy(root)).code).toBe(0)
  })
})

describe('one unfinished run', () => {
  test('a second deploy ends with 7 and says who, since when, doing what, and what one can do', async () => {
    const root = withSteps(
      good('one') +
        `      - { id: two, run: "false", verify: { run: "false" }, rollback: { run: "true", verify: inverse } }`,
    )
    const first = summaryOf(await deploy(root)).run
    const second = await deploy(root)
    expect(second.code).toBe(7)
    for (const word of [
      first,
      'two',
      'runbook resume',
      'runbook rollback',
      'runbook abandon',
      'since',
    ])
      expect(second.stderr).toContain(word)
    expect((await deploy(root, 'back')).code).toBe(4)
    expect((await runbook(root, ['abandon', first, '--reason', 'seen'])).code).toBe(0)
    expect((await deploy(root)).code).toBe(3)
  })
})

test('resume finds the runbook of today from a subfolder too', async () => {
  const root = withSteps(
    good('one') + good('two').replace('run: touch two', 'run: test -e key && touch two'),
  )
  expect((await deploy(root)).code).toBe(3)
  const below = join(root, 'below')
  mkdirSync(below)
  const again = await runbook(below, ['resume', '--retry', 'two'])
  expect([again.code, again.stderr]).toEqual([3, expect.not.stringContaining('changed since')])
  writeFileSync(join(root, 'key'), '')
  const ran = await runbook(below, ['resume', '--retry', 'two', '--replan'])
  expect(ran.code, ran.stderr).toBe(0)
})

async function runbookless(command: string, args: string[]): Promise<string> {
  const { execFile } = await import('node:child_process')
  return new Promise((resolve) =>
    execFile(command, args, (_error, stdout) => {
      resolve(stdout)
    }),
  )
}
