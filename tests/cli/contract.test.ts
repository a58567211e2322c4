/** The command line is a contract: what is printed where, in which shape, and with which exit code. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { linesOf, project, rootFrom, runbook, statuses, summaryOf, type Ran } from '../tool.ts'

vi.setConfig({ testTimeout: 60_000 })

let root: string
let dispose: () => void
beforeEach(() => {
  ;({ root, dispose } = project('small', SMALL))
})
afterEach(() => {
  dispose()
})

const SMALL = `runbook: small
title: One step for each way to end
version: "1"
inputs:
  word: { default: hello }
environments:
  test: {}
  other: {}
  back: { on_failure: rollback }
  prod: { protected: true }
requires:
  - run: test ! -e closed
rollback_scopes:
  app: { title: The application. }
phases:
  - id: first
    title: First
    steps:
      - id: one
        refs: [S-1]
        scope: app
        run: touch one; echo one >> ledger
        outputs: { said: exit_code }
        verify: { run: test -e one }
        rollback: { run: test ! -e stuck && rm one, verify: inverse }
      - id: two
        run: test ! -e broken; touch two; echo "\${{ '$' }}WORD" >> ledger
        verify: { run: test -e two }
        rollback: { run: rm -f two, verify: inverse }
  - id: last
    title: Last
    steps:
      - id: three
        run: test "$SAID" = 0 && touch three
        env: { SAID: "\${{ steps.one.said }}" }
        verify: { run: test -e three }
        rollback: { run: rm -f three, verify: inverse, loses: What was in it. }
      - id: person
        when: inputs.word == "ask"
        manual: { role: QA, ask: Look at it. }
        verify: { run: 'true' }
        rollback: keep
`.replace('"${{ \'$\' }}WORD"', '"$WORD"')

const run = (...args: string[]) => runbook(root, args)
const deploy = (...more: string[]) => run('deploy', 'small', '--env', 'test', ...more)
const put = (name: string) => {
  writeFileSync(join(root, name), '')
}
const there = (name: string) => existsSync(join(root, name))

const beginnings = new Map<string, { ran: Ran; kept: ReturnType<typeof rootFrom> }>()
afterAll(() => {
  for (const { kept } of beginnings.values()) kept.dispose()
})

/** A deploy that is done, or one that stops at step two: run once, found by each who begins with it. */
async function begun(how: 'done' | 'broken'): Promise<Ran> {
  const known = beginnings.get(how)
  if (known !== undefined) {
    cpSync(known.kept.root, root, { recursive: true })
    return known.ran
  }
  if (how === 'broken') put('broken')
  const ran = await deploy()
  beginnings.set(how, { ran, kept: rootFrom(root) })
  return ran
}

/** Prints nothing as data, and tells a person what is wrong. */
function refused(ran: Ran, code: number, ...words: (string | RegExp)[]): void {
  expect([ran.code, ran.stdout], ran.stderr).toEqual([code, ''])
  for (const word of words) expect(ran.stderr).toMatch(word)
}

/** They look at what is written and at what has run; nothing about them could be asked. */
const LOOKING = 'list show lint checks schema doctor status history logs report lock'.split(' ')

describe('help', () => {
  test.each(Object.keys(commands))('%s --help: exit 0, with examples', async (name) => {
    const ran = await run(name, '--help')
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(ran.stdout).toMatch(new RegExp(`^Usage: runbook ${name}`))
    expect(ran.stdout).toMatch(new RegExp(`\nExamples:\n  \\$ runbook ${name}`))
    expect(ran.stdout.includes('--no-input')).toBe(!LOOKING.includes(name))
  })

  test('without a command, and asked for by its name', async () => {
    for (const args of [[], ['--help'], ['help', 'deploy']]) {
      const ran = await run(...args)
      expect([ran.code, ran.stderr]).toEqual([0, ''])
      expect(ran.stdout).toMatch(/^Usage: runbook/)
    }
  })
})

describe('what is misspelt is refused with 2, before anything is touched, and the word is guessed', () => {
  test.each<[string, string[], RegExp]>([
    ['a command', ['deplyo', 'small'], /did you mean deploy/i],
    ['a command to explain', ['deplyo', '--help'], /did you mean deploy/i],
    ['a command to get help for', ['help', 'deplyo'], /did you mean deploy/i],
    ['no command at all', ['frobnicate'], /unknown command/],
    ['a flag', ['deploy', 'small', '--envv', 'test'], /did you mean --env/i],
    ['a flag of no command', ['status', '--frobnicate'], /unknown option/],
    ['a choice', ['plan', 'small', '--env', 'test', '-o', 'yaml'], /text, json/],
    ['a runbook', ['deploy', 'smal', '--env', 'test'], /did you mean "small"/],
    ['a runbook to plan', ['plan', 'smal', '--env', 'test'], /did you mean "small"/],
    ['a runbook to show', ['show', 'smal'], /did you mean "small"/],
    ['a runbook to verify', ['verify', 'smal', '--env', 'test'], /did you mean "small"/],
    ['a file', ['deploy', './smal.yaml', '--env', 'test'], /no file/],
    ['an environment', ['deploy', 'small', '--env', 'tets'], /test/],
    ['an environment to plan', ['plan', 'small', '--env', 'tets'], /test/],
    ['a step', ['deploy', 'small', '--env', 'test', '--only', 'thre'], /did you mean "three"/],
    ['a step to begin at', ['deploy', 'small', '--env', 'test', '--from', 'thre'], /three/],
    ['a check', ['checks', 'tabel-exists'], /did you mean "table-exists"/],
    ['an input', ['deploy', 'small', '--env', 'test', '--var', 'wrod=x'], /word/],
    ['a word about a failure', ['deploy', 'small', '--env', 'test', '--on-failure', 'x'], /stop/],
    ['a duration', ['deploy', 'small', '--env', 'test', '--lock-timeout', 'soon'], /30s/],
  ])('%s', async (_title, args, hint) => {
    refused(await run(...args), 2, hint)
    expect(there('.runbook/journal.db') || there('one')).toBe(false)
  })

  test('a runbook whose history one wants', async () => {
    refused(await run('history', 'smal'), 2, /did you mean "small"/)
    await begun('done')
    refused(await run('history', 'smal'), 2, /did you mean "small"/)
  })

  test('a runbook to lint: lint says so among its findings', async () => {
    const ran = await run('lint', 'smal')
    expect([ran.code, ran.stdout]).toEqual([2, expect.stringContaining('did you mean "small"')])
  })

  test('options before the command: the line as it must be', async () => {
    for (const [first, ordered] of [
      [['--env', 'test'], 'runbook deploy small --env test'],
      [['--yes'], 'runbook deploy small --yes'],
      [['--var', 'word=a b'], "runbook deploy small --var 'word=a b'"],
    ] as const) {
      refused(await run(...first, 'deploy', 'small'), 2, /options come after the command/)
      expect((await run(...first, 'deploy', 'small')).stderr).toContain(ordered)
    }
  })

  test('a folder without runbooks to lint: where it looked', async () => {
    rmSync(join(root, 'runbooks/small.yaml'))
    refused(await run('lint'), 2, join(root, 'runbooks'), /holds no YAML file/, /runbook lint </)
    rmSync(join(root, 'runbooks'), { recursive: true })
    refused(await run('lint', '-o', 'json'), 2, root, /nor a folder above it/, /runbook lint </)
  })

  test('left out: an argument, the environment, what becomes of the step', async () => {
    refused(await run('deploy'), 2, /missing required argument/)
    refused(await run('deploy', 'small'), 2, /test, other, back, prod/, /--env/)
    refused(await run('plan', 'small'), 2, /test, other, back, prod/)
    refused(await run('abandon'), 2, /--reason/)
  })

  test('of a run that is there: its steps and scopes', async () => {
    await begun('broken')
    refused(await run('resume', '--retry', 'tow'), 2, /did you mean "two"/)
    refused(await run('rollback', '--to', 'thre'), 2, /did you mean "three"/)
    refused(await run('rollback', '--scope', 'ap'), 2, /"?app"?/)
    refused(await run('logs', 'small', 'thre'), 2, /did you mean "three"/)
  })

  test('no such run', async () => {
    await begun('done')
    for (const verb of ['status', 'resume', 'rollback', 'logs'])
      refused(
        await run(verb, '20200101-000000-0000'),
        2,
        /no run "20200101-000000-0000"/,
        /history/,
      )
  })

  test('where nothing ran there is nothing to look at, and that is no error', async () => {
    for (const verb of ['status', 'history', 'resume', 'rollback', 'logs'])
      expect([verb, (await run(verb)).code]).toEqual([verb, 0])
  })
})

const RUN_KEYS =
  'run runbook environment status exit_code plan_sha256 partial builds_on signatures'.split(' ')
const STEP_KEYS = 'id phase status attempts duration_ms reason until roles refs'.split(' ')

describe('-o json', () => {
  test('deploy, status, resume and rollback: the same object, and nothing beside it', async () => {
    put('broken')
    const failed = await deploy('-o', 'json')
    const { code } = failed
    const status = await run('status', '-o', 'json')
    const resumed = await run('resume', '--retry', 'two', '-o', 'json')
    const back = await run('rollback', '-o', 'json')
    expect([code, status.code, resumed.code, back.code]).toEqual([3, 0, 3, 0])
    for (const ran of [failed, status, resumed, back]) {
      const summary = summaryOf(ran)
      expect(Object.keys(summary)).toEqual([...RUN_KEYS, 'steps'])
      for (const step of summary.steps) expect(Object.keys(step)).toEqual(STEP_KEYS)
    }
    expect(summaryOf(failed)).toMatchObject({
      runbook: 'small',
      environment: 'test',
      status: 'failed',
      exit_code: 3,
      partial: false,
    })
    expect(summaryOf(status)).toEqual(summaryOf(failed))
    expect(summaryOf(failed).steps[0]).toMatchObject({ phase: 'first', attempts: 1, refs: ['S-1'] })
    expect(summaryOf(back).status).toBe('rolled_back')
  })

  test('plan and deploy --dry-run: the same with what would be, and nothing is touched', async () => {
    const ran = await run('plan', 'small', '--env', 'test', '-o', 'json')
    const planned = JSON.parse(ran.stdout) as { steps: Record<string, unknown>[] }
    expect(ran.code, ran.stderr).toBe(0)
    for (const key of [...RUN_KEYS, 'steps', 'problems']) expect(planned).toHaveProperty(key)
    for (const step of planned.steps)
      for (const key of [...STEP_KEYS, 'would', 'undo', 'loses', 'irreversible', 'estimate_s'])
        expect(step).toHaveProperty(key)
    expect(planned.steps.map((s) => s.would)).toEqual(['run', 'run', 'run', 'skipped'])
    expect(planned.steps[2]?.loses).toEqual(['What was in it.'])
    // deploy --dry-run says the same, and neither has touched anything.
    expect(await deploy('--dry-run', '-o', 'json')).toEqual(ran)
    expect(there('one') || there('.runbook/journal.db')).toBe(false)
    expect(planned).toHaveProperty('plan_sha256', summaryOf(await deploy('-o', 'json')).plan_sha256)
  })

  test('history: an array of the same without steps, newest first', async () => {
    await begun('done')
    await run('deploy', 'small', '--env', 'other')
    const ran = await run('history', '-o', 'json')
    const runs = JSON.parse(ran.stdout) as Record<string, unknown>[]
    expect(runs.map((r) => r.environment)).toEqual(['other', 'test'])
    for (const one of runs) expect(Object.keys(one)).toEqual(RUN_KEYS)
    const one = await run('history', '--env', 'test', '-n', '5', '-o', 'json')
    expect(JSON.parse(one.stdout)).toHaveLength(1)
  })

  test('every command that only looks: is JSON and nothing else', async () => {
    await begun('done')
    const looks = [
      ['list'],
      ['show', 'small'],
      ['lint'],
      ['checks'],
      ['checks', 'table-exists'],
      ['doctor'],
      ['verify', 'small', '--env', 'test'],
      ['lock', 'status'],
      ['logs'],
      ['rollback', '--dry-run'],
    ]
    for (const args of looks) {
      const ran = await run(...args, '-o', 'json')
      expect(() => JSON.parse(ran.stdout) as unknown, args.join(' ') + ran.stderr).not.toThrow()
    }
  })

  test('list only looks: of a broken file it says how to see what is wrong with it', async () => {
    writeFileSync(join(root, 'runbooks/torn.yaml'), 'runbook: torn\nundo: x\n')
    const { code, stdout } = await run('list')
    expect(code).toBe(0)
    expect(stdout).toMatch(/torn .* problems: runbook lint torn\n/)
    expect(stdout).not.toContain('touched')
  })

  test('an error prints no half an object', async () => {
    put('closed')
    refused(await deploy('-o', 'json'), 6)
    refused(await deploy('-o', 'ndjson'), 6)
    for (const verb of ['resume', 'rollback', 'status', 'abandon', 'verify', 'plan']) {
      const more = verb === 'abandon' ? ['--reason', 'so'] : []
      refused(await run(verb, 'smal', '-o', 'json', ...more), 2, /did you mean "small"/)
    }
    rmSync(join(root, 'closed'))
    await begun('broken')
    refused(await deploy('-o', 'json'), 7)
  })
})

test("-o ndjson prints the journal's own events, in order, as logs does", async () => {
  const deployed = await deploy('-o', 'ndjson')
  expect(deployed.stdout).toBe((await run('logs', '-o', 'ndjson')).stdout)
  const back = await run('rollback', '-o', 'ndjson')
  const all = (await run('logs', '-o', 'ndjson')).stdout
  expect(all).toBe(deployed.stdout + back.stdout)
  const events = all
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1))
  for (const event of events) {
    expect(Object.keys(event)).toEqual(
      expect.arrayContaining(['seq', 'at', 'type', 'run', 'prev']) as string[],
    )
    expect(event.at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  }
  const types = new Set(events.map((e) => e.type))
  for (const type of ['run.created', 'step.armed', 'step.done', 'run.rolling_back', 'undo.done'])
    expect(types).toContain(type)
})

test('who only looks, or goes on where nothing has run, leaves nothing behind', async () => {
  const store = `sqlite:${join(root, 'elsewhere.db')}`
  const before = readdirSync(root)
  const goOn = [['resume'], ['rollback'], ['rollback', '--dry-run'], ['abandon', '--reason', 'so']]
  const words = [
    ['resolve', 'small', 'one', '--done', '--reason', 'so'],
    ['sign', 'small', '--role', 'qa'],
  ]
  for (const looked of [...LOOKING.map((name) => [name]), ...goOn, ...words]) {
    const args = looked[0] === 'show' ? ['show', 'small', '--env', 'test'] : looked
    const ran = await run(...args)
    expect([ran.code, readdirSync(root)], args.join(' ')).toEqual([
      words.includes(args) ? 2 : 0,
      before,
    ])
    if ('list show lint checks schema doctor'.includes(looked[0] ?? '')) continue
    await run(...args, '--store', store)
    expect(readdirSync(root), args.join(' ')).toEqual(before)
  }
})

test('no colours and no terminal codes when nobody looks', async () => {
  const all = [
    await begun('broken'),
    await run('status'),
    await run('rollback', '--dry-run'),
    await run('rollback'),
    await run('history'),
    await run('logs'),
    await run('plan', 'small', '--env', 'test'),
    await run('lint'),
    await run('show', 'small'),
    await run('deploy', 'smal'),
  ]
  for (const { stdout, stderr } of all) {
    expect(stdout + stderr).not.toContain('\u001b')
    expect(stdout + stderr).not.toBe('')
  }
})

test('data goes to standard output, progress to standard error, and -q keeps that short', async () => {
  const loud = await begun('done')
  expect([loud.stdout, loud.stderr]).toEqual(['', expect.stringContaining('one done')])
  const quiet = await deploy('-q')
  expect(quiet.stdout).toBe('')
  expect(quiet.stderr).not.toContain('one done')
})

describe('exit codes', () => {
  test('0: done', async () => {
    expect((await begun('done')).code).toBe(0)
  })

  test('3: a step failed, and the next command is said', async () => {
    const ran = await begun('broken')
    expect(ran.code).toBe(3)
    for (const word of ['runbook resume', '--retry two', 'runbook rollback'])
      expect(ran.stderr).toContain(word)
  })

  test('4: failed and rolled back by itself', async () => {
    put('broken')
    const ran = await run('deploy', 'small', '--env', 'back', '-o', 'json')
    expect([ran.code, summaryOf(ran).exit_code, there('one')]).toEqual([4, 4, false])
  })

  test('5: a rollback failed, by itself or commanded; mended, it goes on', async () => {
    put('broken')
    put('stuck')
    const ran = await run('deploy', 'small', '--env', 'back')
    expect([ran.code, ran.stderr]).toEqual([5, expect.stringContaining('runbook rollback')])
    expect((await run('rollback')).code).toBe(5)
  })

  test('6: a precondition does not hold', async () => {
    put('closed')
    refused(await deploy(), 6, /test ! -e closed/)
    expect(there('one')).toBe(false)
  })

  test('7: another run is unfinished', async () => {
    await begun('broken')
    refused(await deploy(), 7, /unfinished/)
  })

  test('8: a person must answer, and nobody is there; resume on a terminal', async () => {
    const ways = { test: [], other: ['--no-input'], back: ['--yes'] }
    for (const [env, more] of Object.entries(ways)) {
      const asked = ['--env', env, '--var', 'word=ask', '-o', 'json', ...more]
      const ran = await run('deploy', 'small', ...asked)
      const { steps, status, exit_code } = summaryOf(ran)
      expect([ran.code, status, exit_code, steps.at(-1)?.status]).toEqual([
        8,
        'waiting',
        8,
        'waiting',
      ])
      expect(ran.stderr).toContain('runbook resume')
    }
    expect((await run('resume')).code).toBe(8)
    const given = await run('abandon', '--reason', 'so', '--yes', '--no-input', '-q', '-o', 'json')
    expect([given.code, given.stderr, summaryOf(given).status]).toEqual([0, '', 'abandoned'])
  })

  describe('a protected environment', () => {
    const prod = (...more: string[]) => run('deploy', 'small', '--env', 'prod', ...more)
    const untouched = () => {
      expect([there('one'), there('.runbook/journal.db')]).toEqual([false, false])
    }

    test('2: its name must be given, and --yes does not give it', async () => {
      for (const more of [[], ['--no-input'], ['--yes'], ['--yes', '--no-input']])
        refused(await prod(...more), 2, /--confirm prod/)
      untouched()
    })

    test('9: another name is another target', async () => {
      refused(await prod('--confirm', 'test'), 9, /nothing was touched/)
      untouched()
    })

    test('0: with its name; and it must be given again to go back', async () => {
      expect((await prod('--confirm', 'prod')).code).toBe(0)
      refused(await run('rollback', '--yes'), 2, /--confirm prod/)
      refused(await run('rollback', '--confirm', 'test'), 9)
      expect(there('one')).toBe(true)
      expect((await run('rollback', '--confirm', 'prod')).code).toBe(0)
    })

    test('2: steps are not left out there', async () => {
      refused(await prod('--confirm', 'prod', '--skip', 'two'), 2, /protected/)
      untouched()
    })
  })

  describe('10: a plan that was saved', () => {
    let plan: string | undefined
    const saved = async () => {
      if (plan !== undefined) writeFileSync(join(root, 'the.plan'), plan)
      else expect((await run('plan', 'small', '--env', 'test', '--out', 'the.plan')).code).toBe(0)
      plan ??= readFileSync(join(root, 'the.plan'), 'utf8')
    }
    const deployIt = (...more: string[]) => deploy('--plan', 'the.plan', ...more)

    test('is done when nothing changed', async () => {
      await saved()
      expect((await deployIt()).code).toBe(0)
    })

    test('is refused when the runbook changed', async () => {
      await saved()
      const file = join(root, 'runbooks/small.yaml')
      writeFileSync(file, readFileSync(file, 'utf8').replace('touch two', 'touch two; true'))
      refused(await deployIt(), 10, /steps changed/, /nothing was touched/)
    })

    test('is refused when an input changed, or the part that is selected', async () => {
      await saved()
      refused(await deployIt('--var', 'word=other'), 10, /inputs changed/)
      refused(await deployIt('--to', 'two'), 10, /selection/)
      refused(await run('deploy', 'small', '--env', 'other', '--plan', 'the.plan'), 10)
    })

    test('says what a failure leads to: another word for that beside it is exit 2', async () => {
      await saved()
      const ran = await deployIt('--on-failure', 'rollback')
      refused(ran, 2, /part of the plan.*--on-failure cannot be given/)
      expect(ran.stderr).not.toContain('changed')
    })

    test('is for its owner only, also where there was a file; where none can be: exit 2', async () => {
      writeFileSync(join(root, 'the.plan'), '', { mode: 0o644 })
      expect((await run('plan', 'small', '--env', 'test', '--out', 'the.plan')).code).toBe(0)
      expect(statSync(join(root, 'the.plan')).mode & 0o777).toBe(0o600)
      const ran = await run('plan', 'small', '--env', 'test', '--out', 'none/the.plan')
      refused(ran, 2, /none\/the\.plan cannot be written: ENOENT/)
      const mode = statSync('/dev/null').mode
      expect((await run('plan', 'small', '--env', 'test', '--out', '/dev/null')).code).toBe(0)
      expect(statSync('/dev/null').mode).toBe(mode)
    })

    test('is refused when it was edited; what is no plan is exit 2', async () => {
      await saved()
      const file = join(root, 'the.plan')
      writeFileSync(file, readFileSync(file, 'utf8').replace('touch one', 'touch 0ne'))
      refused(await deployIt(), 10, /edited/)
      writeFileSync(file, 'no plan')
      refused(await deployIt(), 2)
      refused(await deploy('--plan', 'none.plan'), 2)
    })
  })

  describe('10: a journal that is not what was written', () => {
    test('nothing is read from it and nothing runs', async () => {
      await begun('broken')
      const journal = join(root, '.runbook/journal.db')
      const sound = readFileSync(journal)
      const tampered = {
        'an event was changed': `UPDATE events SET json = replace(json, 'ok":true', 'ok":false')`,
        'an event was removed': 'DELETE FROM events WHERE seq = 3',
        'two events were exchanged':
          'UPDATE events SET seq = CASE seq WHEN 3 THEN 103 ELSE seq END',
        'the plan was changed': `UPDATE plans SET json = replace(json, 'touch two', 'touch 2wo')`,
      }
      for (const [title, sql] of Object.entries(tampered)) {
        for (const more of ['-wal', '-shm']) rmSync(journal + more, { force: true })
        writeFileSync(journal, sound)
        const db = new DatabaseSync(journal)
        expect(db.prepare(sql).run().changes, title).toBeGreaterThan(0)
        db.close()
        for (const args of [['status'], ['resume'], ['rollback'], ['resume', '--retry', 'two']])
          refused(await run(...args), 10, /is not what was written/)
      }
      expect(linesOf(join(root, 'ledger'))).toEqual(['one'])
    })
  })

  describe('12: a journal that cannot be used', () => {
    test('there is something else in its place', async () => {
      mkdirSync(join(root, '.runbook/journal.db'), { recursive: true })
      chmodSync(join(root, '.runbook'), 0o700)
      refused(await deploy(), 12, /journal\.db/)
      refused(await run('status'), 12, /journal\.db/)
      expect(there('one')).toBe(false)
    })

    test('a store that nobody knows is a mistake of whoever named it: 2', async () => {
      refused(await deploy('--store', 'ftp://there'), 2, /no store/)
    })
  })

  // 11 is in tests/crash/doubt.test.ts; 129, 130 and 143 are in tests/crash/signals.test.ts.
})

describe('a part of a runbook', () => {
  test.each([
    [['--only', 'one'], 'one done, two skipped, three skipped, person skipped'],
    [['--only', 'first'], 'one done, two done, three skipped, person skipped'],
    [['--skip', 'two,person'], 'one done, two skipped, three done, person skipped'],
    [['--to', 'two'], 'one done, two done, three skipped, person skipped'],
    [['--to', 'first'], 'one done, two done, three skipped, person skipped'],
    [['--from', 'one', '--to', 'one'], 'one done, two skipped, three skipped, person skipped'],
    [['--from', 'person'], 'one skipped, two skipped, three skipped, person skipped'],
  ])('%j', async (flags, expected) => {
    const ran = await deploy(...flags, '-o', 'json')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, expected])
    const { partial, steps } = summaryOf(ran)
    expect(partial).toBe(true)
    const left = steps.find(({ id }) => id === 'two' && expected.includes('two skipped'))
    if (left !== undefined) expect(left.reason).toBe('not selected')
  })

  test('a step that needs the output of one that is left out: 2, nothing is touched', async () => {
    for (const flags of [
      ['--only', 'three'],
      ['--from', 'two'],
      ['--skip', 'one'],
      ['--only', 'last'],
    ])
      refused(await deploy(...flags), 2, /one/)
    expect(there('.runbook/journal.db')).toBe(false)
  })

  test('nothing selected is a mistake', async () => {
    refused(await deploy('--skip', 'first,last'), 2, /nothing is left to run/)
    refused(await deploy('--from', 'three', '--to', 'one'), 2)
  })

  test('is resumed as a part, and said to be one', async () => {
    put('broken')
    const failed = await deploy('--to', 'two', '-o', 'json')
    expect([failed.code, summaryOf(failed).partial]).toEqual([3, true])
  })
})
