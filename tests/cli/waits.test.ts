/** What a run waits for is durable: times, signatures, and what another environment must prove first. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { recordOf, withStore } from '../crash/record.ts'
import {
  linesOf,
  project,
  rootFrom,
  runbook,
  start,
  statuses,
  summaryOf,
  type Ran,
} from '../tool.ts'

vi.setConfig({ testTimeout: 60_000 })

let made: ReturnType<typeof project> | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

const step = (id: string, ...more: string[]) => `
      - id: ${id}
        run: echo ${id} >> order; touch ${id}
        verify: { run: test -e ${id} }
        rollback: { run: "rm -f ${id}; echo undo ${id} >> order", verify: inverse }
${more.map((line) => `        ${line}\n`).join('')}`

function withSteps(steps: string, { concurrent = 1, last = '' } = {}): string {
  made = project(
    'sample',
    `runbook: sample
title: Sample
version: "1"
inputs:
  pause: { default: 1h }
environments:
  test: {}
  easy: { manual: assume }
  patient: { wait: true }
phases:
  - id: main
    title: Main
    concurrent: ${concurrent}
    steps:${steps}${last}`,
  )
  return made.root
}

const TIMED = step('one') + step('two', 'after: { step: one, at_least: "${{ inputs.pause }}" }')
const APPROVED = step('one') + step('drop', 'approval: [dba, qa lead]')

const here = () => made?.root ?? ''
const run = (...args: string[]) => runbook(here(), args)
const deploy = (...more: string[]) =>
  run('deploy', 'sample', '--env', 'test', '-o', 'json', ...more)
const order = () => linesOf(join(here(), 'order')).join(', ')
const newest = async () => {
  const found = (await recordOf(here())).runs[0]
  if (found === undefined) throw new Error('nothing ran')
  return found
}
const types = async () => (await newest()).events.map(({ type }) => type)

/** The tool as it is when the machine's clock is off by so many milliseconds. */
function withClock(off_ms: number): { node: string[] } {
  const file = join(here(), 'clock.mjs')
  writeFileSync(
    file,
    `const Real = Date
globalThis.Date = class extends Real {
  constructor(...given) { given.length === 0 ? super(Real.now() + ${off_ms}) : super(...given) }
  static now() { return Real.now() + ${off_ms} }
}
`,
  )
  return { node: ['--import', file] }
}
const HOUR = 3_600_000

describe('a timer', () => {
  test('exit 8 with until when; resume too early says how long is left and touches nothing; it can be rolled back', async () => {
    withSteps(TIMED)
    const ran = await deploy()
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([8, 'one done, two waiting'])
    const { state, events } = await newest()
    const one = events.find(({ type }) => type === 'step.done')
    const until = new Date(Date.parse(one?.at ?? '') + HOUR).toISOString()
    expect(events.slice(-2)).toMatchObject([
      { type: 'step.waiting', step: 'two', reason: '1h after the end of step one', until },
      { type: 'run.waiting', until },
    ])
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'waiting', steps: [{}, { until }] })
    const second = until.replace(/\.\d+Z/, 'Z')
    expect(ran.stderr).toContain(`1h after the end of step one; until ${second}, `)
    expect(ran.stderr).toContain(`runbook resume ${state.run}`)
    const again = await run('resume')
    expect([again.code, again.stderr]).toEqual([8, expect.stringMatching(/(59m \d+s|1h) left/)])
    expect((await newest()).events).toHaveLength(events.length)
    expect((await withStore(here(), (s) => s.lease(state.run)))?.holder).toBeUndefined()
    // Instead, it can be rolled back while it waits.
    const other = rootFrom(here())
    const back = await runbook(other.root, ['rollback', '-o', 'json'])
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'one undone, two pending'])
    expect(linesOf(join(other.root, 'order'))).toEqual(['one', 'undo one'])
    other.dispose()
    // The plan has frozen its inputs, so only the clock can make it due.
    const due = await runbook(here(), ['resume', '-o', 'json'], withClock(HOUR))
    expect([due.code, statuses(due), order()], due.stderr).toEqual([
      0,
      'one done, two done',
      'one, two',
    ])
  })

  test('due: resume goes on; a step that was skipped counts from its skip', async () => {
    withSteps(
      step('one', 'when: inputs.pause == "x"') +
        step('two', 'after: { step: one, at_least: 300ms }'),
    )
    expect((await deploy()).code).toBe(8)
    await sleep(400)
    const ran = await run('resume', '-o', 'json')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'one skipped, two done'])
  })

  test('a clock that was set back makes nobody go on too early', async () => {
    withSteps(step('zero') + step('gate', 'approval: [dba]') + TIMED)
    const resumed = (off_ms: number) => runbook(here(), ['resume'], withClock(off_ms))
    // The clock is two hours ahead, and set right before step one ends.
    await runbook(here(), ['deploy', 'sample', '--env', 'test'], withClock(2 * HOUR))
    await run('sign', 'sample', '--role', 'dba')
    expect((await resumed(0)).code).toBe(8)
    expect((await newest()).state.steps.get('one')?.status).toBe('done')
    const early = await resumed(2 * HOUR)
    expect([early.code, early.stderr]).toEqual([8, expect.stringMatching(/(59m \d+s|1h) left/)])
    expect((await resumed(-HOUR)).code).toBe(8)
    expect((await resumed(3 * HOUR)).code).toBe(0)
  })

  test('--wait stays, says so, keeps its lease, and goes on by itself', async () => {
    withSteps(TIMED)
    const { child, ran } = start(here(), [
      'deploy',
      'sample',
      '--env',
      'test',
      '--wait',
      '--var',
      'pause=4s',
    ])
    await waiting()
    const status = await run('status')
    expect(status.stdout).toContain(`process ${child.pid}`)
    expect((await run('resume', '--wait')).code).toBe(7)
    const { code, stderr } = await ran
    expect([code, order()], stderr).toEqual([0, 'one, two'])
    expect(stderr).toMatch(/two waiting until \S+Z, \d s left/)
    expect(await types()).toEqual(expect.arrayContaining(['run.waiting', 'run.resumed']))
  })

  test('an environment that says so is waited in without the flag, also by resume', async () => {
    withSteps(TIMED)
    const deployed = (...more: string[]) => run('deploy', 'sample', '--env', 'patient', ...more)
    const { child, ran } = start(here(), [
      ...['deploy', 'sample', '--env', 'patient', '--var', 'pause=1500ms'],
    ])
    await waiting()
    child.kill('SIGKILL')
    await ran
    const resumed = await run('resume')
    expect([resumed.code, order()], resumed.stderr).toEqual([0, 'one, two'])
    const { code, stderr } = await deployed('--var', 'pause=300ms')
    expect([code, order()], stderr).toEqual([0, 'one, two, one, two'])
  })

  test('Ctrl-C while it stays pauses at once', async () => {
    withSteps(TIMED)
    const { child, ran } = start(here(), ['deploy', 'sample', '--env', 'test', '--wait'])
    await waiting()
    const began = performance.now()
    child.kill('SIGINT')
    const { code, stderr } = await ran
    expect([code, stderr]).toEqual([130, expect.stringContaining('runbook resume')])
    expect(performance.now() - began).toBeLessThan(5000)
    expect((await newest()).state.status).toBe('paused')
    expect((await run('resume')).code).toBe(8)
  })

  test('kill -9 while it stays: resume waits on, and finishes', async () => {
    withSteps(TIMED)
    const { child, ran } = start(here(), [
      'deploy',
      'sample',
      '--env',
      'test',
      '--wait',
      '--var',
      'pause=2s',
    ])
    await waiting()
    child.kill('SIGKILL')
    await ran
    expect((await newest()).state.status).toBe('waiting')
    const on = await run('resume', '--wait', '-o', 'json')
    expect([on.code, statuses(on), order()], on.stderr).toEqual([
      0,
      'one done, two done',
      'one, two',
    ])
  })

  test('side by side, one that waits holds up neither the others nor their places', async () => {
    const wait = 'after: { step: zero, at_least: 1h }'
    made = project(
      'sample',
      `runbook: sample
title: Sample
version: "1"
environments: { test: {} }
phases:
  - id: first
    steps:${step('zero')}
  - id: both
    concurrent: 2
    steps:${step('a', wait)}${step('b', wait)}${step('c')}${step('d')}
  - id: last
    steps:${step('end')}`,
    )
    const ran = await deploy()
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      8,
      'zero done, a waiting, b waiting, c done, d done, end pending',
    ])
    const due = await runbook(here(), ['resume', '-o', 'json'], withClock(HOUR))
    expect([due.code, order().split(', ').at(-1)], due.stderr).toEqual([0, 'end'])
  })
})

async function waiting(): Promise<void> {
  const file = join(here(), '.runbook/journal.db')
  for (;;) {
    if (existsSync(file) && (await recordOf(here())).runs[0]?.state.status === 'waiting') return
    await sleep(20)
  }
}

describe('an approval', () => {
  const sign = (...more: string[]) => run('sign', 'sample', ...more)

  test('exit 8 with the words that are missing; --yes gives none; signed, it goes on', async () => {
    withSteps(APPROVED)
    const ran = await deploy('--yes')
    expect([ran.code, statuses(ran)]).toEqual([8, 'one done, drop waiting'])
    const { run: id } = summaryOf(ran)
    expect(ran.stderr).toContain(`runbook sign ${id} --role dba`)
    expect(ran.stderr).toContain(`runbook sign ${id} --role 'qa lead'`)
    const first = await sign('--role', 'DBA', '--note', 'seen')
    expect([first.code, first.stderr]).toEqual([
      0,
      expect.stringContaining('Still to sign: qa lead'),
    ])
    const half = await run('resume')
    expect([half.code, half.stderr]).toEqual([8, expect.stringContaining('to sign: qa lead\n')])
    expect(half.stderr).not.toContain('--role dba')
    expect((await sign('--role', 'qa lead')).code).toBe(0)
    const on = await run('resume', '-o', 'json')
    expect([on.code, order()], on.stderr).toEqual([0, 'one, drop'])
    const status = summaryOf(await run('status', '-o', 'json')) as unknown as {
      signatures: Record<string, unknown>[]
      plan_sha256: string
    }
    const common = { step: 'drop', plan_sha256: status.plan_sha256, counts: true, assumed: false }
    expect(status.signatures).toMatchObject([
      { role: 'dba', note: 'seen', ...common },
      { role: 'qa lead', note: null, ...common },
    ])
    const history = JSON.parse((await run('history', '-o', 'json')).stdout) as object[]
    expect(history).toMatchObject([{ signatures: status.signatures }])
    expect((await run('status')).stdout).toMatch(/signed +drop: dba, by \S+@\S+ at \S+Z: seen/)
  })

  test('twice, by nobody asked, for another step: 2, and nothing is written', async () => {
    withSteps(APPROVED)
    await deploy()
    await sign('--role', 'dba')
    const before = (await newest()).events.length
    const refusals: [string[], RegExp][] = [
      [['--role', 'dba'], /has been signed for step drop already/],
      [['--role', 'dbaa'], /did you mean "dba"/],
      [['--role', 'dba', '--step', 'one'], /step "one" does not ask dba[^]*drop/],
    ]
    for (const [words, message] of refusals) {
      const ran = await sign(...words)
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringMatching(message)])
    }
    const other = await sign('--role', 'qa lead', '--plan', '0123456789ab')
    expect([other.code, other.stderr]).toEqual([9, expect.stringContaining('nothing was signed')])
    expect((await newest()).events).toHaveLength(before)
  })

  test('of a step that waits for another role it is no signature', async () => {
    withSteps(step('one', 'approval: [qa]') + step('two', 'approval: [dba]'))
    expect((await deploy()).code).toBe(8)
    const ahead = await sign('--role', 'dba')
    expect([ahead.code, ahead.stderr]).toEqual([0, expect.stringContaining('as dba for two of')])
    expect((await run('resume')).code).toBe(8)
    expect((await sign('--role', 'qa')).code).toBe(0)
    expect((await run('resume')).code).toBe(0)
  })

  test('on hosts one word is for all of them, and a timer counts from the last', async () => {
    const on = (id: string, ...more: string[]) => `
      - id: ${id}
        hosts: backend
        run: echo ${id} >> order
        effect: none
${more.map((line) => `        ${line}\n`).join('')}`
    made = project(
      'sample',
      `runbook: sample
title: Sample
version: "1"
environments:
  test: { hosts: { backend: { b1: {}, b2: {} } } }
phases:
  - id: main
    steps:${on('drop', 'approval: [dba]')}${on('later', 'after: { step: drop, at_least: 1h }')}`,
    )
    const ran = await deploy()
    expect(ran.code, ran.stderr).toBe(8)
    expect(ran.stderr.match(/runbook sign/g)).toHaveLength(1)
    const signed = await sign('--role', 'dba')
    expect([signed.code, signed.stderr]).toEqual([0, expect.stringContaining('dba for drop of')])
    const timed = await run('resume')
    expect([timed.code, order()], timed.stderr).toEqual([8, 'drop, drop'])
    const { state } = await newest()
    const last = state.steps.get('drop@b2')?.ended_at ?? ''
    const until = new Date(Date.parse(last) + HOUR).toISOString()
    expect(state.steps.get('later@b1')?.until).toBe(until)
    expect((await runbook(here(), ['resume'], withClock(HOUR))).code).toBe(0)
    expect(order()).toBe('drop, drop, later, later')
  })

  test('a run that is over wants no signature, and gets no lock back', async () => {
    withSteps(step('one'))
    const { run: id } = summaryOf(await deploy())
    expect((await run('sign', id, '--role', 'dba')).code).toBe(2)
    expect((await recordOf(here())).locks).toEqual([])
  })

  test('while the run is driven: 7, by whom', async () => {
    withSteps(TIMED.replace('- id: two', '- id: two\n        approval: [dba]'))
    const { child, ran } = start(here(), ['deploy', 'sample', '--env', 'test', '--wait'])
    await waiting()
    const signed = await sign('--role', 'dba')
    expect([signed.code, signed.stderr]).toEqual([7, expect.stringContaining(`pid ${child.pid}`)])
    child.kill('SIGINT')
    await ran
    expect((await sign('--role', 'dba')).code).toBe(0)
  })

  test('counts only for the plan on which it was given', async () => {
    const root = withSteps(APPROVED)
    await deploy()
    for (const role of ['dba', 'qa lead']) await sign('--role', role)
    const file = join(root, 'runbooks/sample.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('echo drop', 'echo other'))
    const ran = await run('resume', '--replan', '-o', 'json')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([8, 'one done, drop waiting'])
    expect(ran.stderr).toContain('what was signed was another plan')
    expect(ran.stderr).toContain('(counts no more)')
    for (const role of ['dba', 'qa lead']) expect((await sign('--role', role)).code).toBe(0)
    expect([(await run('resume')).code, order()]).toEqual([0, 'one, other'])
  })

  test('with the timer at once: it can be signed while the time runs', async () => {
    withSteps(step('one') + step('two', 'after: { step: one, at_least: 600ms }', 'approval: [dba]'))
    const ran = await deploy('--wait')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([8, 'one done, two waiting'])
    expect((await sign('--role', 'dba')).code).toBe(0)
    expect((await run('resume')).code).toBe(0)
  })

  test('manual: assume answers it, and the record says that nobody did', async () => {
    withSteps(APPROVED)
    const ran = await run('deploy', 'sample', '--env', 'easy', '-o', 'json')
    expect(ran.code, ran.stderr).toBe(0)
    const signed = (await newest()).events.filter(({ type }) => type === 'step.signed')
    expect(signed).toMatchObject([
      { role: 'dba', assumed: true, by: { user: 'nobody' } },
      { role: 'qa lead', assumed: true },
    ])
    expect((await run('status')).stdout).toContain('drop: dba, by nobody (assumed)')
  })
})

describe('work that a person does', () => {
  const MANUAL = `
      - id: look
        manual: { role: QA, ask: Look at it. }
        effect: none
      - id: hand_over
        manual: { role: QA, ask: Take it., confirm: [Alerts work, The way back is known] }
        effect: none
        outputs: { who: by, said: note }
`
  test('is answered by a signature of its role, one step at a time, lists only when confirmed', async () => {
    withSteps(step('one') + MANUAL)
    const ran = await deploy('--no-input')
    expect([ran.code, statuses(ran)]).toEqual([8, 'one done, look waiting, hand_over pending'])
    expect(ran.stderr).toContain(`runbook sign ${summaryOf(ran).run} --role QA`)
    expect((await run('resume')).code).toBe(8)
    expect((await run('sign', 'sample', '--role', 'qa')).code).toBe(0)
    const next = await run('resume', '-o', 'json')
    expect([next.code, statuses(next)]).toEqual([8, 'one done, look done, hand_over waiting'])
    const bare = await run('sign', 'sample', '--role', 'qa')
    expect([bare.code, bare.stderr]).toEqual([
      2,
      expect.stringMatching(/Alerts work[^]*The way back is known[^]*--confirm-all/),
    ])
    expect(
      (await run('sign', 'sample', '--role', 'qa', '--confirm-all', '--note', 'ours')).code,
    ).toBe(0)
    const ended = await run('resume', '-o', 'json')
    expect(ended.code, ended.stderr).toBe(0)
    const { state } = await newest()
    const me = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()
    expect(state.steps.get('hand_over')?.outputs).toMatchObject({ who: me, said: 'ours' })
    expect(state.steps.get('hand_over')?.signatures).toMatchObject([
      { role: 'QA', confirmed: ['Alerts work', 'The way back is known'] },
    ])
  })
})

describe('an environment after another', () => {
  const YAML = `runbook: sample
title: Sample
version: "1"
inputs:
  commit: {}
  token: { secret: true }
  built: { default: x }
  stable: { default: 0s }
environments:
  staging: { inputs: { token: { env: TOKEN } } }
  prod:
    protected: true
    after: { environment: staging, at_least: "\${{ inputs.stable }}", same: [commit, token, built] }
    inputs: { token: { env: TOKEN }, built: { command: [cat, built] } }
phases:
  - id: main
    steps:${step('one')}${step('two')}`

  const SECRET = 'a-long-secret-value-1'
  const prepared = () => {
    made = project('sample', YAML)
    writeFileSync(join(made.root, 'built'), 'x')
  }
  const tool = (args: string[], token = SECRET): Promise<Ran> =>
    runbook(here(), args, { env: { TOKEN: token } })
  const staging = (...more: string[]) =>
    tool(['deploy', 'sample', '--env', 'staging', '--var', 'commit=abc', ...more])
  const prod = (more: string[] = [], token = SECRET) =>
    tool(
      ['deploy', 'sample', '--env', 'prod', '--confirm', 'prod', '--var', 'commit=abc', ...more],
      token,
    )
  /** Refused before anything is touched. */
  const refused = (ran: Ran, code: number, ...words: (string | RegExp)[]) => {
    expect(ran.code, ran.stderr).toBe(code)
    for (const word of words) expect(ran.stderr).toMatch(word)
    expect(order()).not.toContain('undo')
  }
  const ran = async (code: number, what: Promise<Ran>) => {
    const { code: ended, stderr } = await what
    expect(ended, stderr).toBe(code)
  }

  let proven: ReturnType<typeof rootFrom> | undefined
  afterAll(() => proven?.dispose())
  /** It succeeded in staging; run once, found by each who begins with it. */
  const succeeded = async () => {
    if (proven !== undefined) {
      cpSync(proven.root, here(), { recursive: true })
      return
    }
    await ran(0, staging())
    proven = rootFrom(here())
  }

  test('6 until it succeeded there, 9 with another input there, 0 with the same', async () => {
    prepared()
    refused(await prod(), 6, /never deployed to staging/, /runbook deploy sample --env staging/)
    await succeeded()
    const { run: proof } = (await newest()).state
    const other = await prod(['--var', 'commit=def'])
    refused(other, 9, proof, /commit was "abc" there and is "def" here/)
    const secret = await prod([], 'another-secret-value-2')
    refused(secret, 9, /token was fingerprint \w{12} there and is fingerprint \w{12} here/)
    expect(secret.stderr).not.toMatch(/secret-value/)
    writeFileSync(join(here(), 'built'), 'y')
    refused(await prod(), 9, /built was fingerprint/)
    writeFileSync(join(here(), 'built'), 'x')
    expect(order()).toBe('one, two')
    await ran(0, prod())
    expect((await newest()).state.builds_on).toBe(proof)
    expect((await run('status')).stdout).toContain(`builds on  run ${proof}`)
  })

  test('6 too early, with how long is left; --wait stays until then', async () => {
    prepared()
    await succeeded()
    const early = await prod(['--var', 'stable=1h'])
    refused(
      early,
      6,
      /ended at \S+Z, and 1h must have passed since: (59m \d+s|1h) left, until \S+Z/,
    )
    expect(order()).toBe('one, two')
    const later = await prod(['--var', 'stable=2s', '--wait'])
    expect([later.code, order()], later.stderr).toEqual([0, 'one, two, one, two'])
  })

  test('6 when the newest run there was rolled back, was a part, or is not over', async () => {
    prepared()
    await succeeded()
    await ran(0, tool(['rollback', 'sample', '--env', 'staging']))
    const back = await prod()
    expect([back.code, back.stderr]).toEqual([
      6,
      expect.stringMatching(/did not succeed: it is rolled back/),
    ])
    await ran(0, staging('--only', 'one'))
    expect((await prod()).stderr).toMatch(/of a part of the runbook only/)
    await ran(0, staging())
    await ran(0, tool(['rollback', 'sample', '--env', 'staging', '--to', 'one']))
    expect((await prod()).stderr).toMatch(/is unfinished: it is partly rolled back/)
  })

  test('plan says whether it holds, and why not', async () => {
    prepared()
    const plan = (...more: string[]) =>
      tool(['plan', 'sample', '--env', 'prod', '--var', 'commit=abc', ...more])
    expect((await plan()).stdout).toMatch(/! after staging, not held: sample was never deployed/)
    await succeeded()
    expect((await plan()).stdout).toMatch(
      /after staging, unknown until then: [^]*a plan does not run/,
    )
    writeFileSync(join(here(), 'runbooks/sample.yaml'), YAML.replace(', built]', ']'))
    expect((await plan()).stdout).toMatch(
      /(✓|\+) after staging: run \S+, the newest in staging, succeeded/,
    )
    expect((await plan('--offline')).stdout).toMatch(/after staging: not looked at/)
    const { after } = JSON.parse((await plan('-o', 'json')).stdout) as { after: unknown }
    expect(after).toMatchObject({ environment: 'staging', held: true, until: null })
  })
})
