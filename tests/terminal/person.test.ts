import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { newestIn, recordOf } from '../crash/record.ts'
import { linesOf, project, runbook, statuses, summaryOf } from '../tool.ts'
import { terminal, titled, tmux, type Terminal } from './tmux.ts'

let made: ReturnType<typeof project> | undefined
let open: Terminal | undefined
afterEach(() => {
  open?.dispose()
  made?.dispose()
  open = made = undefined
})

/** A project whose one phase has these steps. */
function withSteps(...steps: string[]): string {
  made = project(
    'sample',
    `runbook: sample
title: Sample
version: "1"
environments:
  test: {}
  ask: { on_failure: ask, manual: assume }
  prod: { protected: true }
phases:
  - id: main
    title: Main
    steps:
${steps.join('')}`,
  )
  return made.root
}

const step = (id: string, run = `touch ${id}`): string => `
      - id: ${id}
        run: ${JSON.stringify(`echo ${id} >> order; ${run}`)}
        verify: { run: test -e ${id} }
        rollback: { run: "rm -f ${id}; echo undo ${id} >> order", verify: inverse }
`
/** Works from when there is a file \`key\`. */
const broken = (id: string) => step(id, `test -e key && touch ${id}`)
/** Takes until there is a file \`go\`; a minute at most. */
const slow = (id: string) =>
  step(
    id,
    `for i in $(seq 600); do if test -e go; then touch ${id}; exit 0; fi; sleep 0.1; done; false`,
  )

function opened(root: string, what: readonly string[] | string): Terminal {
  return (open = terminal(root, what))
}

/** What stands in a file, once there is anything. */
async function written(path: string): Promise<string> {
  for (let i = 0; i < 200 && linesOf(path).length === 0; i++) await sleep(50)
  return linesOf(path).join()
}

const order = (root: string) => linesOf(join(root, 'order')).join(', ')

describe.skipIf(!tmux)(titled('a person stops a run at the terminal'), () => {
  test('the first Ctrl-C finishes what runs, pauses, and shows how to go on and back', async () => {
    const root = withSteps(step('one'), slow('two'), step('three'))
    const t = opened(root, ['deploy', 'sample', '--env', 'test'])
    await t.shows(/[⠋-⠿] Two +two +doing/)
    t.type('C-c')
    await t.shows(/! finishing what runs, then pausing; once more interrupts it/)
    await t.shows(/[⠋-⠿] Two +two +doing/)
    writeFileSync(join(root, 'go'), '')
    expect(await t.exit()).toBe(130)
    const last = await t.shows(/is paused/)
    expect(last.join('\n')).toMatch(/runbook resume \S+[^]*runbook rollback \S+/)
    expect(t.cursorShown()).toBe(true)
    const on = await runbook(root, ['resume', '-o', 'json'])
    expect([on.code, statuses(on)]).toEqual([0, 'one done, two done, three done'])
    expect(order(root)).toBe('one, two, three')
  }, 30_000)

  test('the second interrupts it: it has failed, and the screen says how to go on', async () => {
    const root = withSteps(step('one'), slow('two'), step('three'))
    const t = opened(root, ['deploy', 'sample', '--env', 'test'])
    await t.shows(/[⠋-⠿] Two +two +doing/)
    t.type('C-c')
    await t.shows(/finishing what runs/)
    t.type('C-c')
    await t.shows(/interrupting what runs/)
    expect(await t.exit()).toBe(130)
    const last = await t.shows(/is paused/)
    expect(last.join('\n')).toMatch(
      /interrupted[^]*runbook resume \S+ --retry two[^]*runbook rollback/,
    )
    expect(t.cursorShown()).toBe(true)
    const status = await runbook(root, ['status', '-o', 'json'])
    expect([summaryOf(status).status, statuses(status)]).toEqual([
      'paused',
      'one done, two failed, three pending',
    ])
  }, 30_000)

  test('the window is closed: the record is whole, the run paused, and resume finishes it', async () => {
    const root = withSteps(step('one'), slow('two'), step('three'))
    const code = join(root, 'code')
    const t = opened(root, `(trap : HUP; runbook deploy sample --env test; echo $? > ${code})`)
    await t.shows(/[⠋-⠿] Two +two +doing/)
    t.hangUp()
    await sleep(300)
    writeFileSync(join(root, 'go'), '')
    expect(await written(code)).toBe('129')
    expect(await newestIn(root)).toEqual(['paused', 'one done, two done'])
    const on = await runbook(root, ['resume', '-o', 'json'])
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'one done, two done, three done'])
    expect(order(root)).toBe('one, two, three')
  }, 30_000)
})

describe.skipIf(!tmux)(titled('on_failure: ask'), () => {
  const menu = /Two failed\. What now\?/
  const asked = async (root: string) => {
    const t = opened(root, ['deploy', 'sample', '--env', 'ask'])
    const rows = await t.shows(/Stop here and leave things as they are/)
    expect(rows.join('\n')).toMatch(menu)
    for (const answer of ['Run this step again', 'Undo this step'])
      expect(rows.join('\n')).toContain(answer)
    const walled = readFileSync(join(root, 'runbooks/sample.yaml'), 'utf8').includes('irreversible')
    expect(rows.join('\n').includes('Roll back everything')).toBe(!walled)
    return t
  }
  const run = () => withSteps(step('one'), broken('two'), step('three'))

  test('run it again: it goes on', async () => {
    const root = run()
    const t = await asked(root)
    writeFileSync(join(root, 'key'), '')
    t.type('Enter')
    expect(await t.exit()).toBe(0)
    expect(order(root)).toBe('one, two, two, three')
    expect(t.everything().join('\n')).toMatch(/is deployed to ask/)
    expect(t.cursorShown()).toBe(true)
  }, 30_000)

  test('again, and asked again when it still fails', async () => {
    const root = run()
    const t = await asked(root)
    t.type('Enter')
    await t.shows(/Run this step again[^]*Run this step again|❯ Run this step again/)
    for (let i = 0; i < 100 && order(root) !== 'one, two, two'; i++) await sleep(50)
    await sleep(300)
    await t.shows(/❯ Run this step again[^]*Stop here/)
    t.type('Down', 'Down', 'Down', 'Enter')
    expect(await t.exit()).toBe(3)
    expect(order(root)).toBe('one, two, two')
  }, 30_000)

  test('undo it and stop: an irreversible step before it forbids a rollback, not this', async () => {
    const wall = step('wall').replace(/rollback: .*/, 'irreversible: gone\n        approval: [dba]')
    const root = withSteps(step('one'), wall, broken('two'))
    const t = await asked(root)
    t.type('Down', 'Enter')
    expect(await t.exit()).toBe(3)
    expect(order(root)).toBe('one, wall, two, undo two')
  }, 30_000)

  test('roll everything back', async () => {
    const root = run()
    const t = await asked(root)
    t.type('Down', 'Down', 'Enter')
    expect(await t.exit()).toBe(4)
    expect(order(root)).toBe('one, two, undo two, undo one')
    await t.shows(/rolled back: 2 steps undone/)
  }, 30_000)

  test('stop', async () => {
    const root = run()
    const t = await asked(root)
    t.type('Down', 'Down', 'Down', 'Enter')
    expect(await t.exit()).toBe(3)
    expect(order(root)).toBe('one, two')
    await t.shows(/runbook resume \S+ --retry two/)
  }, 30_000)

  test('Ctrl-C instead of an answer pauses, and resume asks again what is to be done', async () => {
    const root = run()
    const t = await asked(root)
    t.type('C-c')
    expect(await t.exit()).toBe(130)
    expect(t.cursorShown()).toBe(true)
    expect((await newestIn(root))[0]).toBe('paused')
    t.dispose()
    const again = opened(root, ['resume'])
    await again.shows(/Stop here and leave things as they are/)
    writeFileSync(join(root, 'key'), '')
    again.type('Enter')
    expect(await again.exit()).toBe(0)
    expect(order(root)).toBe('one, two, two, three')
  }, 30_000)

  test('without a terminal it stops', async () => {
    const root = run()
    const ran = await runbook(root, ['deploy', 'sample', '--env', 'ask', '-o', 'json'])
    expect([ran.code, statuses(ran)]).toEqual([3, 'one done, two failed, three pending'])
  }, 30_000)
})

describe.skipIf(!tmux)(titled('a person answers'), () => {
  const manual = `
      - id: seen
        manual: { role: QA, ask: Does the page look right?, confirm: [The logo is there, No error is shown] }
        effect: none
`
  const asked = async () => {
    const root = withSteps(step('one'), manual, step('three'))
    const t = opened(root, ['deploy', 'sample', '--env', 'test'])
    const rows = await t.shows(/QA: Does the page look right\?[^]*No: this step has failed/)
    expect(rows.join('\n')).toMatch(/- The logo is there\n[^]*- No error is shown/)
    return { root, t }
  }
  test('a manual step with yes', async () => {
    const { root, t } = await asked()
    t.type('Enter')
    expect(await t.exit()).toBe(0)
    expect(order(root)).toBe('one, three')
  }, 30_000)

  test('a manual step with no', async () => {
    const { root, t } = await asked()
    t.type('Down', 'Enter')
    expect(await t.exit()).toBe(3)
    expect(order(root)).toBe('one')
  }, 30_000)

  test('Ctrl-D instead of an answer pauses; Ctrl-Z does not, and fg comes back to the question', async () => {
    const root = withSteps(step('one'), manual, step('three'))
    const t = opened(root, `set -m; runbook deploy sample --env test; touch away; fg`)
    await t.shows(/No: this step has failed/)
    t.type('C-z')
    while (!existsSync(join(root, 'away'))) await sleep(50)
    await sleep(300)
    t.type('Down')
    await t.shows(/❯ No: this step has failed/)
    t.type('C-d')
    expect(await t.exit()).toBe(130)
    expect(await newestIn(root)).toEqual(['paused', 'one done'])
  }, 30_000)

  test.each([
    ['by Ctrl-C', (t: Terminal) => t.type('C-c'), '130'],
    ['because the terminal is gone', (t: Terminal) => t.hangUp(), '129'],
  ])(
    'not answered %s, a question lets nobody be asked behind it, and resume asks again',
    async (_title, end, code) => {
      const root = withSteps(manual, manual.replace('seen', 'seen_too'))
      const file = join(root, 'runbooks/sample.yaml')
      writeFileSync(file, readFileSync(file, 'utf8').replace('steps:', 'concurrent: 2\n    steps:'))
      const t = opened(
        root,
        `(trap : HUP INT; runbook deploy sample --env test; echo $? > ${root}/code)`,
      )
      await t.shows(/No: this step has failed/)
      end(t)
      expect(await written(join(root, 'code'))).toBe(code)
      expect(await newestIn(root)).toEqual(['paused', ''])
      t.dispose()
      const again = opened(root, ['resume'])
      await again.shows(/No: this step has failed/)
      again.type('Enter')
      await again.shows(/✔ QA[^]*No: this step has failed/)
      again.type('Enter')
      expect(await again.exit()).toBe(0)
    },
    30_000,
  )

  test('SIGTERM ends the question', async () => {
    const { root, t } = await asked()
    const [run] = (await recordOf(root)).runs
    process.kill(run?.state.by.process.pid ?? 0, 'SIGTERM')
    expect(await t.exit()).toBe(143)
    expect(await newestIn(root)).toEqual(['paused', 'one done'])
  }, 30_000)

  test('nobody is there: it waits, and resume at a terminal asks', async () => {
    const root = withSteps(step('one'), manual, step('three'))
    const ran = await runbook(root, ['deploy', 'sample', '--env', 'test', '-o', 'json'])
    expect([ran.code, statuses(ran)]).toEqual([8, 'one done, seen waiting, three pending'])
    const t = opened(root, ['resume'])
    await t.shows(/QA: Does the page/)
    t.type('Enter')
    expect(await t.exit()).toBe(0)
    expect(order(root)).toBe('one, three')
  }, 30_000)

  test.each([
    ['the right name', 'prod', 0, 'one'],
    ['another name', 'prdo', 9, ''],
  ])(
    'a protected environment is named: %s',
    async (_title, typed, code, ran) => {
      const root = withSteps(step('one'))
      const t = opened(root, ['deploy', 'sample', '--env', 'prod'])
      await t.shows(/prod is protected\. Type its name/)
      t.type(typed, 'Enter')
      expect(await t.exit()).toBe(code)
      expect(order(root)).toBe(ran)
      if (code === 9)
        await t.shows(/"prdo" is not the name of this environment[^]*nothing was touched/)
      expect(t.cursorShown()).toBe(true)
    },
    30_000,
  )
})

describe.skipIf(!tmux)(titled('the name of a protected environment is not given'), () => {
  test.each(['C-c', 'C-d'])(
    '%s: no step was touched',
    async (key) => {
      const root = withSteps(step('one'))
      const t = opened(root, ['deploy', 'sample', '--env', 'prod'])
      await t.shows(/prod is protected\. Type its name/)
      t.type(key)
      expect(await t.exit()).toBe(130)
      await t.shows(/error: stopped; no step was touched\n +give the same command again/)
      expect(t.cursorShown()).toBe(true)
    },
    30_000,
  )

  test('the terminal is gone', async () => {
    const root = withSteps(step('one'))
    const t = opened(root, `(trap : HUP; runbook deploy sample --env prod; echo $? > ${root}/code)`)
    await t.shows(/prod is protected\. Type its name/)
    t.hangUp()
    expect(await written(join(root, 'code'))).toBe('129')
  }, 30_000)
})

describe.skipIf(!tmux)(titled('the reader of a pipe leaves'), () => {
  test.each([
    ['| head -1', 'test -e go'],
    ['2>&1 | head -1', 'test -e go'],
    ['-o ndjson | head -1', 'test -e go'],
  ])(
    'runbook deploy … %s: the run goes on to its end',
    async (pipe) => {
      const root = withSteps(step('one'), slow('two'), step('three'))
      writeFileSync(join(root, 'go'), '')
      const t = opened(
        root,
        `(runbook deploy sample --env test ${pipe.replace(/ ?\|.*| ?2>.*/, '')} ${pipe.includes('2>&1') ? '2>&1' : ''}; echo $? > code) | head -1`,
      )
      await t.exit()
      for (let i = 0; i < 100 && linesOf(join(root, 'code')).length === 0; i++) await sleep(50)
      expect(linesOf(join(root, 'code'))).toEqual(['0'])
      const [status] = await newestIn(root)
      expect([status, order(root)]).toEqual(['succeeded', 'one, two, three'])
    },
    30_000,
  )
})

describe.skipIf(!tmux)(titled('a run waits for a time at the terminal'), () => {
  const timed =
    step('one') +
    step('two').replace('- id: two', '- id: two\n        after: { step: one, at_least: 4s }')

  test('--wait counts down in its row, and goes on by itself', async () => {
    const root = withSteps(timed)
    const t = opened(root, ['deploy', 'sample', '--env', 'test', '--wait'])
    await t.shows(/‖ Two +two +waiting, 3 s left/)
    await t.shows(/‖ Two +two +waiting, 1 s left/)
    expect(await t.exit()).toBe(0)
    expect(order(root)).toBe('one, two')
  }, 30_000)

  test('Ctrl-C while it stays pauses at once; the last screen says until when', async () => {
    const root = withSteps(timed.replace('4s', '3h'))
    const t = opened(root, ['deploy', 'sample', '--env', 'test', '--wait'])
    await t.shows(/waiting, (3h|2h 59m) left/)
    t.type('C-c')
    expect(await t.exit()).toBe(130)
    const last = await t.shows(/is paused/)
    // Local time, and no date in UTC.
    expect(last.join('\n')).toMatch(/until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, [^]*runbook resume \S+/)
    expect(t.cursorShown()).toBe(true)
  }, 30_000)
})
