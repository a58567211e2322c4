import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { recordOf } from '../crash/record.ts'
import { bin, linesOf, project, runbook, type Ran } from '../tool.ts'

const repository = join(import.meta.dirname, '../..')
const strace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

interface Planned {
  runbook: string
  environment: string
  run: null
  status: null
  exit_code: number
  plan_sha256: string
  partial: boolean
  point_of_no_return: string | null
  steps: ({ id: string; would: string; reason: string | null } & Record<string, unknown>)[]
  problems: string[]
}
const planned = (ran: Ran): Planned => {
  expect(ran.code, ran.stderr).toBe(0)
  return JSON.parse(ran.stdout) as Planned
}

/** Whatever is executed says so in the ledger. */
const says = (word: string, more = 'true') => `run: 'echo ${word} >> "$LEDGER"; ${more}'`

const YAML = `runbook: sample
title: Sample
version: "1"
inputs:
  name: { default: world }
  ledger: { default: ledger }
  token: { secret: true }
  from_command: { default: x }
environments:
  test:
    inputs: { ledger: __LEDGER__, token: { env: SAMPLE_TOKEN } }
  command:
    inputs: { ledger: __LEDGER__, token: { env: SAMPLE_TOKEN }, from_command: { command: [bash, -c, "echo command >> __LEDGER__; echo value"] } }
  prod:
    protected: true
    inputs: { ledger: __LEDGER__, token: { env: SAMPLE_TOKEN } }
requires:
  - { ${says('requires')} }
phases:
  - id: first
    title: First
    estimate: 5m
    steps:
      - id: there
        ${says('act-there')}
        skip_if_verified: true
        verify: { ${says('check-there', 'test -e there')} }
        rollback: { ${says('undo-there')}, verify: inverse, loses: What came in since. }
        estimate: 30s
        refs: [S-01]
      - id: absent
        ${says('act-absent')}
        skip_if_verified: true
        requires: [{ ${says('requires-absent')} }]
        verify: { ${says('check-absent', 'false')} }
        rollback: { ${says('undo-absent')}, verify: { ${says('check-undo-absent')} } }
      - id: untold
        ${says('act-untold')}
        skip_if_verified: true
        verify: { ${says('check-untold', 'no-such-program')} }
        rollback: keep
      - id: plain
        ${says('act-plain')}
        verify: { ${says('check-plain')} }
        rollback: { ${says('undo-plain')}, verify: inverse }
      - id: elsewhere
        when: environment.name == "prod"
        ${says('act-elsewhere')}
        verify: { ${says('check-elsewhere')} }
        rollback: keep
      - id: reads
        ${says('act-reads', 'echo yes')}
        effect: none
        outputs: { said: output }
      - id: hangs
        when: steps.reads.said == "yes"
        ${says('act-hangs')}
        verify: { ${says('check-hangs')} }
        rollback: keep
  - id: second
    title: Second
    steps:
      - id: gone
        ${says('act-gone')}
        approval: [dba]
        irreversible: The old rows are gone.
        approval_free: true
        verify: { ${says('check-gone')} }
        estimate: 1m
      - id: pure
        verify: { ${says('check-pure')} }
finally:
  - { id: tell, ${says('act-tell')}, effect: none }
`.replace('        approval_free: true\n', '')

function sample(): string {
  made = project('sample', YAML)
  const path = join(made.root, 'runbooks/sample.yaml')
  writeFileSync(path, YAML.replaceAll('__LEDGER__', join(made.root, 'ledger')))
  return made.root
}
const ledger = (root: string) => linesOf(join(root, 'ledger'))
const env = { SAMPLE_TOKEN: 'a-secret-of-the-sample-0001' }

describe('a plan says what would be', () => {
  test('run, satisfied, skipped with its reason, or unknown; undo, losses, no return, estimates', async () => {
    const root = sample()
    writeFileSync(join(root, 'there'), '')
    const plan = planned(
      await runbook(root, ['plan', 'sample', '--env', 'test', '-o', 'json'], { env }),
    )
    expect(
      plan.steps.map((s) => `${s.id} ${s.would}${s.reason === null ? '' : `: ${s.reason}`}`),
    ).toEqual([
      'there satisfied',
      'absent run',
      expect.stringMatching(/^untold unknown: .*cannot (be told|tell)/) as string,
      'plain run',
      'elsewhere skipped: when environment.name == "prod" is false',
      'reads run',
      expect.stringMatching(/^hangs unknown: hangs on steps\.reads\.said/) as string,
      'gone run',
      'pure run',
      'tell run',
    ])
    expect(plan.point_of_no_return).toBe('gone')
    const [there, absent, untold] = plan.steps
    expect(there).toMatchObject({ loses: ['What came in since.'], estimate_s: 30, refs: ['S-01'] })
    expect(there?.undo).toHaveLength(1)
    expect(absent).toMatchObject({ irreversible: null, phase: 'first' })
    expect(untold?.undo).toBe('keep')
    expect(plan.steps.find((s) => s.id === 'gone')).toMatchObject({
      irreversible: 'The old rows are gone.',
      undo: 'none',
    })
  })

  test('with the keys that are documented, and no others', async () => {
    const root = sample()
    const plan = planned(
      await runbook(root, ['plan', 'sample', '--env', 'test', '-o', 'json'], { env }),
    )
    expect(Object.keys(plan).sort()).toEqual(
      [
        'run',
        'runbook',
        'environment',
        'status',
        'exit_code',
        'plan_sha256',
        'partial',
        'builds_on',
        'signatures',
        'point_of_no_return',
        'after',
        'steps',
        'problems',
      ].sort(),
    )
    for (const step of plan.steps)
      expect(Object.keys(step).sort()).toEqual(
        [
          'id',
          'phase',
          'would',
          'status',
          'attempts',
          'duration_ms',
          'reason',
          'until',
          'roles',
          'does',
          'checks',
          'undo',
          'loses',
          'irreversible',
          'last_resort',
          'after',
          'approval',
          'estimate_s',
          'refs',
        ].sort(),
      )
    expect(plan).toMatchObject({
      run: null,
      status: null,
      exit_code: 0,
      partial: false,
      problems: [],
    })
    expect(plan.plan_sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test('as text: all of that to be read, with the hash in full', async () => {
    const root = sample()
    const ran = await runbook(root, ['plan', 'sample', '--env', 'test'], { env })
    expect(ran.code).toBe(0)
    for (const text of [
      /^plan [0-9a-f]{64}$/m,
      /First .*~5m/,
      /elsewhere .*skipped: when environment\.name == "prod" is false/,
      /undo +run: echo undo-there/,
      /loses +What came in since\./,
      /undo +nothing, on purpose/,
      /the point of no return[^\n]*\n[^\n]*gone/,
      /irreversible: The old rows are gone\./,
      /from gone on there is no way back/,
      /about 6m/,
    ])
      expect(ran.stdout).toMatch(text)
  })

  test('the same as deploy --dry-run, byte for byte; the hash changes with the inputs only', async () => {
    const root = sample()
    const args = ['sample', '--env', 'test', '-o', 'json']
    const one = await runbook(root, ['plan', ...args], { env })
    const two = await runbook(root, ['deploy', ...args, '--dry-run'], { env })
    expect(two.stdout).toBe(one.stdout)
    const other = planned(await runbook(root, ['plan', ...args, '--var', 'name=moon'], { env }))
    expect(other.plan_sha256).not.toBe(planned(one).plan_sha256)
    expect((await recordOf(root)).runs).toEqual([])
  })

  test('a part is marked as one, and what is not selected says so', async () => {
    const root = sample()
    const plan = planned(
      await runbook(root, ['plan', 'sample', '--env', 'test', '--only', 'second', '-o', 'json'], {
        env,
      }),
    )
    expect(plan.partial).toBe(true)
    expect(plan.steps.filter((s) => s.reason === 'not selected').map((s) => s.id)).toContain(
      'plain',
    )
    expect(ledger(root)).toEqual(['requires'])
  })
})

describe('a plan touches nothing', () => {
  test('only preconditions and the checks of skip_if_verified are asked, each once', async () => {
    const root = sample()
    await runbook(root, ['plan', 'sample', '--env', 'test'], { env })
    expect(ledger(root)).toEqual([
      'requires',
      'check-there',
      'check-absent',
      'requires-absent',
      'check-untold',
    ])
  })

  test('a command that an input comes from is not run, and what would need it is not asked', async () => {
    const root = sample()
    const ran = await runbook(root, ['plan', 'sample', '--env', 'command', '-o', 'json'], { env })
    expect(planned(ran).problems.join()).toMatch(/nothing was asked: a plan does not run bash/)
    expect(ledger(root)).toEqual([])
  })

  test('a secret that is missing is no error: the plan says what could not be asked', async () => {
    const root = sample()
    const plan = planned(await runbook(root, ['plan', 'sample', '--env', 'prod', '-o', 'json']))
    expect(plan.problems.join()).toMatch(/asked.*SAMPLE_TOKEN/)
    expect(ledger(root)).toEqual([])
    expect(plan.steps.find((s) => s.id === 'there')?.would).toBe('unknown')
    const offline = ['plan', 'sample', '--env', 'prod', '--offline', '-o', 'json']
    expect(planned(await runbook(root, offline)).problems).toEqual([
      'SAMPLE_TOKEN is not set (needed by input token, a secret string)',
      expect.stringContaining('runbook show sample --env prod'),
    ])
    const shown = await runbook(root, ['show', 'sample', '--env', 'prod'])
    for (const line of [
      /^ {2}name +string +its default: "world"$/m,
      /^ {2}ledger +string +the environment prod: ".*ledger"$/m,
      /^ {2}token +secret +the variable SAMPLE_TOKEN +missing$/m,
    ])
      expect(shown.stdout).toMatch(line)
    const there = await runbook(root, ['show', 'sample', '--env', 'prod'], { env })
    expect(there.stdout).not.toContain('missing')
    expect(there.stdout).not.toContain(env.SAMPLE_TOKEN)
  })

  test('a precondition that does not hold is told, and the exit is 0 all the same', async () => {
    const root = sample()
    const path = join(root, 'runbooks/sample.yaml')
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(
        'echo requires >> "$LEDGER"; true',
        'echo requires >> "$LEDGER"; false',
      ),
    )
    const plan = planned(
      await runbook(root, ['plan', 'sample', '--env', 'test', '-o', 'json'], { env }),
    )
    expect(plan.problems.join()).toMatch(/does not hold/)
  })

  test('--offline asks not even those', async () => {
    const root = sample()
    const plan = planned(
      await runbook(root, ['plan', 'sample', '--env', 'command', '--offline', '-o', 'json']),
    )
    expect(ledger(root)).toEqual([])
    expect(plan.steps.slice(0, 3).map((s) => s.would)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(existsSync(join(root, '.runbook'))).toBe(false)
  })

  test.skipIf(!strace)(
    strace
      ? '--offline: no process is started and no connection made, by the system calls'
      : '--offline by the system calls (SKIPPED: strace does not work here)',
    () => {
      for (const args of [
        [sample(), 'sample', '--env', 'command'],
        [repository, 'qr-login', '--env', 'prod', '--var', 'release=1.1.0'],
        [repository, 'qr-login', '--env', 'sandbox'],
      ]) {
        const [root = '', ...rest] = args
        const log = join(made?.root ?? '', 'calls')
        const ran = spawnSync(
          'strace',
          [
            '-f',
            '-qq',
            '-e',
            'trace=execve,connect,bind,sendto',
            '-o',
            log,
            process.execPath,
            bin,
            'plan',
            ...rest,
            '--offline',
          ],
          { cwd: root, encoding: 'utf8' },
        )
        expect(ran.status, ran.stderr).toBe(0)
        const calls = linesOf(log).filter((line) => !/\+\+\+|---|resumed/.test(line))
        expect(calls.map((line) => line.replace(/^\d+ +/, '').slice(0, 60))).toEqual([
          expect.stringContaining('execve') as string,
        ])
      }
    },
    30_000,
  )

  test('no service is started when there is nothing to ask', async () => {
    made = project(
      'sample',
      `runbook: sample
title: Sample
version: "1"
environments:
  sandbox:
    services: { app: { run: "touch ../../started; touch started; sleep 60" } }
phases:
  - id: main
    title: Main
    steps: [{ id: one, verify: { http: { get: "\${{ services.app.url }}/" } } }]
`,
    )
    const plan = planned(
      await runbook(made.root, ['plan', 'sample', '--env', 'sandbox', '-o', 'json']),
    )
    expect(plan.steps[0]?.would).toBe('run')
    expect(existsSync(join(made.root, '.runbook'))).toBe(false)
    expect(existsSync(join(made.root, 'started'))).toBe(false)
  })

  test('qr-login for prod without a secret is valid, and says what could not be asked', async () => {
    const ran = await runbook(
      repository,
      ['plan', 'qr-login', '--env', 'prod', '--var', 'release=1.1.0', '-o', 'json'],
      {
        env: {
          DATABASE_URL: undefined,
          STAGING_DATABASE_URL: undefined,
          ADMIN_TOKEN: undefined,
          NEXTAUTH_SECRET: undefined,
        },
      },
    )
    const plan = planned(ran)
    for (const name of ['DATABASE_URL', 'STAGING_DATABASE_URL', 'ADMIN_TOKEN', 'NEXTAUTH_SECRET'])
      expect(plan.problems.join('\n')).toContain(name)
    expect(plan.steps.filter((s) => s.would === 'unknown').length).toBeGreaterThan(3)
  })
})

describe('a saved plan is done as it was looked at, or not at all', () => {
  const yaml = `runbook: sample
title: Sample
version: "1"
inputs: { name: { default: world } }
environments: { test: {} }
phases:
  - id: main
    title: Main
    steps:
      - id: one
        script: { file: checks/act.mjs, args: { name: "\${{ inputs.name }}" } }
        verify: { run: test -e done }
        rollback: { run: rm -f done, verify: inverse }
`
  const act = `import { writeFileSync } from 'node:fs'\nexport default ({ name }) => { writeFileSync('done', name); return { name } }\n`
  function saved(): string {
    made = project('sample', yaml)
    mkdirSync(join(made.root, 'checks'))
    writeFileSync(join(made.root, 'checks/act.mjs'), act)
    return made.root
  }
  let plan: string | undefined
  /** Made once: wherever the same runbook lies, it is the same plan. */
  const save = async (root: string) => {
    const file = join(root, 'the.plan')
    if (plan !== undefined) writeFileSync(file, plan)
    else
      expect(
        (await runbook(root, ['plan', 'sample', '--env', 'test', '--out', 'the.plan'])).code,
      ).toBe(0)
    plan ??= readFileSync(file, 'utf8')
  }
  const deploy = (root: string, ...more: string[]) =>
    runbook(root, ['deploy', 'sample', '--env', 'test', '--plan', 'the.plan', ...more])

  test('nothing changed: it is done', async () => {
    const root = saved()
    await save(root)
    const ran = await deploy(root)
    expect(ran.code, ran.stderr).toBe(0)
    expect(readFileSync(join(root, 'done'), 'utf8')).toBe('world')
  })

  test('the command that is said to deploy it does, also with values', async () => {
    const root = saved()
    const words = 'plan sample --env test --var name=moon --out the.plan'
    const ran = await runbook(root, words.split(' '))
    const [, said = ''] = /^Saved\. .*: runbook (.*)$/m.exec(ran.stderr) ?? []
    const done = await runbook(root, said.split(' '))
    expect(done.code, `${said}: ${done.stderr}`).toBe(0)
    expect(readFileSync(join(root, 'done'), 'utf8')).toBe('moon')
  })

  test('it is not there, or is no plan: said, with the command that makes it', async () => {
    const root = saved()
    const missing = await deploy(root, '--only', 'one')
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining('there is no file the.plan'),
    ])
    expect(missing.stderr).toContain('runbook plan sample --env test --only one --out the.plan')
    writeFileSync(join(root, 'the.plan'), 'no plan')
    expect((await deploy(root)).stderr).toContain('the.plan cannot be read as a plan')
  })

  test('what makes a stale one anew is the whole command', async () => {
    const root = saved()
    await save(root)
    const { stderr } = await deploy(root, '--var', 'name=the moon')
    expect(stderr).toContain(
      "again: runbook plan sample --env test --var 'name=the moon' --out the.plan",
    )
  })

  test.each<[string, (root: string) => string[], RegExp]>([
    [
      'the runbook',
      (root) => {
        writeFileSync(
          join(root, 'runbooks/sample.yaml'),
          yaml.replace('test -e done', 'test -f done'),
        )
        return []
      },
      /stale: .*steps/,
    ],
    ['an input', () => ['--var', 'name=moon'], /stale: inputs/],
    [
      'a script',
      (root) => {
        writeFileSync(join(root, 'checks/act.mjs'), `${act}// changed\n`)
        return []
      },
      /stale: files/,
    ],
    [
      'the saved plan itself',
      (root) => {
        const path = join(root, 'the.plan')
        writeFileSync(path, readFileSync(path, 'utf8').replace('"world"', '"moon"'))
        return []
      },
      /edited/,
    ],
  ])('%s changed: refused with 10, and nothing is touched', async (_what, change, says) => {
    const root = saved()
    await save(root)
    const more = change(root)
    const ran = await deploy(root, ...more)
    expect([ran.code, ran.stderr]).toEqual([10, expect.stringMatching(says)])
    expect(existsSync(join(root, 'done'))).toBe(false)
    expect((await recordOf(root)).runs).toEqual([])
  })
})
