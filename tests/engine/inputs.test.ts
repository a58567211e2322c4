import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { planInputs } from '../../src/engine/inputs.ts'
import { inputBinder, sourceVariables } from '../../src/engine/bind-inputs.ts'
import type { Environment, Input, InputSource } from '../../src/core/runbook.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runbook-inputs-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const input = (more: Partial<Input> = {}): Input => ({
  type: 'string',
  secret: false,
  refs: [],
  at: 'r.yaml:1:1',
  ...more,
})
const secret = (more: Partial<Input> = {}): Input => input({ secret: true, ...more })

function environment(
  inputs: Record<string, InputSource>,
  more: Partial<Environment> = {},
): Environment {
  return {
    name: 'staging',
    protected: false,
    inputs,
    services: {},
    path: [],
    manual: 'ask',
    state: [],
    ...more,
  }
}

interface Case {
  inputs: Record<string, Input>
  sources?: Record<string, InputSource>
  vars?: Record<string, string>
  env?: Record<string, string>
  services?: Record<string, unknown>
  protected?: boolean
}

function planOf(
  { inputs, sources = {}, vars = {}, env = {}, protected: guarded = false }: Case,
  warnings: string[] = [],
) {
  const staging = environment(sources, { protected: guarded })
  const planned = planInputs({ runbook: 'demo', inputs }, staging, {
    root,
    vars,
    env,
    warn: (text) => warnings.push(text),
  })
  return { runbook: 'demo', environment: staging, inputs: planned }
}

async function bind(given: Case) {
  const { vars = {}, env = {}, services = {} } = given
  return inputBinder(planOf(given), { root, vars, env }).all(services)
}

const literal = (value: string | number | boolean): InputSource => ({ kind: 'literal', value })
const usage = (message: string | RegExp) =>
  expect.objectContaining({ exit: 2, message: expect.stringMatching(message) as string }) as Error

describe('what is not secret is frozen in the plan', () => {
  test.each<[string, Case, unknown]>([
    ['a literal', { inputs: { a: input() }, sources: { a: literal('x') } }, 'x'],
    ['a number', { inputs: { a: input({ type: 'integer' }) }, sources: { a: literal(3) } }, 3],
    ['its default', { inputs: { a: input({ default: 'd' }) } }, 'd'],
    [
      'the environment before the default',
      { inputs: { a: input({ default: 'd' }) }, sources: { a: literal('x') } },
      'x',
    ],
    [
      '--var before both',
      { inputs: { a: input({ default: 'd' }) }, sources: { a: literal('x') }, vars: { a: 'v' } },
      'v',
    ],
    ['--var as a number', { inputs: { a: input({ type: 'number' }) }, vars: { a: '1.5' } }, 1.5],
    ['an empty --var', { inputs: { a: input({ default: 'd' }) }, vars: { a: '' } }, ''],
    [
      'a variable',
      {
        inputs: { a: input({ type: 'boolean' }) },
        sources: { a: { kind: 'env', name: 'A' } },
        env: { A: 'true' },
      },
      true,
    ],
  ])('%s', async (_, given, value) => {
    expect(planOf(given).inputs.a).toMatchObject({ kind: 'value', value })
    expect((await bind(given)).values.a).toBe(value)
  })

  test('a file, without its last line break', () => {
    writeFileSync(join(root, 'version.txt'), '1.2.3\n')
    const sources = { a: { kind: 'file', path: 'version.txt' } } as const
    expect(planOf({ inputs: { a: input() }, sources }).inputs.a).toMatchObject({ value: '1.2.3' })
  })
})

describe('secrets', () => {
  test('a plan knows their names and sources only, and does not miss them', () => {
    const sources: Record<string, InputSource> = {
      a: { kind: 'env', name: 'A_SECRET' },
      b: { kind: 'file', path: 'nowhere' },
      c: { kind: 'random', bytes: 16 },
      d: literal('literal-secret'),
    }
    const inputs = {
      a: secret(),
      b: secret(),
      c: secret(),
      d: secret(),
      e: secret({ default: 'default-secret' }),
      f: secret(),
    }
    const plan = planOf({ inputs, sources, env: { A_SECRET: 'canary-1' } })
    expect(Object.values(plan.inputs).map((p) => 'from' in p && p.from)).toEqual([
      'the variable A_SECRET',
      'the file nowhere',
      'random bytes, made once',
      'the environment staging',
      'its default',
      'nowhere yet',
    ])
    expect(JSON.stringify(plan.inputs)).not.toContain('canary-1')
    expect(JSON.stringify(plan.inputs)).not.toContain('literal-secret')
  })

  test('are read at the run; the variables they came from are named', async () => {
    writeFileSync(join(root, 'b.txt'), 'secret-of-b\n')
    const bound = await bind({
      inputs: { a: secret(), b: secret(), c: secret(), p: input({ default: 'plain' }) },
      sources: {
        a: { kind: 'env', name: 'A_SECRET' },
        b: { kind: 'file', path: 'b.txt' },
        p: { kind: 'env', name: 'P' },
      },
      vars: { c: 'secret-of-c' },
      env: { A_SECRET: 'secret-of-a', P: 'p' },
    })
    expect(bound.values).toEqual({ a: 'secret-of-a', b: 'secret-of-b', c: 'secret-of-c', p: 'p' })
    expect([...bound.secrets]).toEqual([
      ['a', 'secret-of-a'],
      ['b', 'secret-of-b'],
      ['c', 'secret-of-c'],
    ])
    expect(bound.sourceVariables).toEqual(['A_SECRET'])
  })

  test('on the command line are warned of', () => {
    const warnings: string[] = []
    planOf({ inputs: { a: secret() }, vars: { a: 'canary-2' } }, warnings)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^--var a /)
    expect(warnings[0]).not.toContain('canary-2')
  })

  test('made at random stay the same, in a file for their owner only', async () => {
    const given: Case = {
      inputs: { a: secret({ min_length: 43 }) },
      sources: { a: { kind: 'random', bytes: 32 } },
    }
    const { values } = await bind(given)
    expect((await bind(given)).values).toEqual(values)
    const path = join(root, '.runbook/random/demo/staging/a')
    expect(readFileSync(path, 'utf8')).toBe(values.a)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => planOf({ ...given, protected: true })).toThrow(usage('protected'))
  })
})

describe('what is bound late', () => {
  test('a command runs when it is bound, once, and never for a plan', async () => {
    const given: Case = {
      inputs: { a: input() },
      sources: {
        a: { kind: 'command', argv: ['bash', '-c', 'echo run >> ran; echo " value "'] },
      },
    }
    const plan = planOf(given)
    expect(plan.inputs).toMatchObject({ a: { kind: 'late', from: 'the command bash' } })
    expect(() => readFileSync(join(root, 'ran'))).toThrow()
    const binder = inputBinder(plan, { root })
    expect(await binder.pick(['a'], {})).toEqual({ a: ' value ' })
    expect((await binder.all({})).values).toEqual({ a: ' value ' })
    expect(readFileSync(join(root, 'ran'), 'utf8')).toBe('run\n')
  })

  test('what hangs on a service keeps its template until that runs', async () => {
    const given: Case = {
      inputs: { url: secret({ type: 'url' }), page: input({ type: 'url' }) },
      sources: {
        url: literal('${{ services.db.url }}'),
        page: literal('${{ services.app.url }}/page'),
      },
    }
    const plan = planOf(given)
    expect(plan.inputs.page).toMatchObject({
      kind: 'late',
      template: '${{ services.app.url }}/page',
    })
    const binder = inputBinder(plan, { root })
    const db = { url: 'postgres://u:p@127.0.0.1:5/x' }
    expect(await binder.pick(['url'], { db })).toEqual({ url: db.url })
    await expect(binder.pick(['page'], { db })).rejects.toThrow(
      usage('input page needs the service app'),
    )
    const all = await binder.all({ db, app: { url: 'http://127.0.0.1:6' } })
    expect(all.values.page).toBe('http://127.0.0.1:6/page')
    expect(all.secrets).toEqual(new Map([['url', db.url]]))
  })

  test('no command sees the key', async () => {
    const bound = await bind({
      inputs: { a: input() },
      sources: { a: { kind: 'command', argv: ['bash', '-c', 'echo "key:${RUNBOOK_KEY-none}"'] } },
      env: { ...process.env, RUNBOOK_KEY: 'canary' },
    })
    expect(bound.values.a).toBe('key:none')
  })
})

describe('everything that is wrong is said at once', () => {
  test('at plan', () => {
    let error: unknown
    try {
      planOf({
        inputs: {
          a: input(),
          b: input({ type: 'url' }),
          c: input({ type: 'integer' }),
          d: input(),
          e: input({ pattern: '[0-9a-f]{7}' }),
          ok: secret(),
        },
        sources: {
          b: { kind: 'env', name: 'B_URL' },
          d: { kind: 'file', path: 'd.txt' },
        },
        vars: { c: 'many', e: 'xyz' },
      })
    } catch (thrown) {
      error = thrown
    }
    const hint = expect.stringContaining('runbook show demo --env staging') as string
    expect(error).toMatchObject({ exit: 2, hint })
    expect((error as Error).message.split('\n')).toEqual([
      '6 inputs are missing or wrong:',
      '  input a is missing (a string): pass --var a=…, or set it in environments.staging.inputs of the runbook',
      '  B_URL is not set (needed by input b, a url)',
      expect.stringContaining('input c must be a whole number'),
      '  the file d.txt is not there (needed by input d, a string)',
      expect.stringContaining('input e must match [0-9a-f]{7}'),
      '  input ok is missing (a secret string): name its source in environments.staging.inputs of the runbook',
    ])
  })

  test('at the run, and no value of a secret with it', async () => {
    const failed = bind({
      inputs: {
        a: secret({ type: 'url' }),
        b: secret({ min_length: 32 }),
        c: secret(),
        d: input(),
        e: secret(),
      },
      sources: {
        a: { kind: 'env', name: 'DATABASE_URL' },
        b: { kind: 'env', name: 'B' },
        d: { kind: 'command', argv: ['bash', '-c', 'echo canary-4; echo sealed >&2; exit 2'] },
        e: { kind: 'env', name: 'E' },
      },
      env: { B: 'canary-3', E: '' },
    })
    const error = await failed.catch((e: unknown) => e as Error)
    expect(error).toMatchObject({ exit: 2 })
    const lines = (error as Error).message.split('\n').map((line) => line.trim())
    expect(lines.slice(0, 2)).toEqual([
      '5 inputs are missing or wrong:',
      'DATABASE_URL is not set (needed by input a, a secret url)',
    ])
    expect(lines[2]).toMatch(/^input b must have at least 32 characters/)
    expect(lines[3]).toMatch(/^input c is missing \(a secret string\)/)
    expect(lines[4]).toBe('the command bash ended with 2: sealed (needed by input d, a string)')
    expect(lines[5]).toBe('E is empty (needed by input e, a secret string)')
    expect((error as Error).message).not.toMatch(/canary/)
  })

  test('--var: unknown names, and another value than the plan has', () => {
    const inputs = { release: input({ default: '1' }) }
    expect(() => planOf({ inputs, vars: { relase: '2' } })).toThrow(
      expect.objectContaining({ exit: 2, hint: 'did you mean "release"?' }),
    )
    const plan = planOf({ inputs })
    expect(() => inputBinder(plan, { root, vars: { release: '1' } })).not.toThrow()
    expect(() => inputBinder(plan, { root, vars: { release: '2' } })).toThrow(
      usage('--var release: the plan has "1"'),
    )
  })

  test('an input named like what every object has', () => {
    expect(() => planOf({ inputs: { constructor: input() } })).toThrow(
      usage('input constructor is missing'),
    )
    expect(() => planOf({ inputs: {}, vars: { constructor: 'x' } })).toThrow(
      usage('there is no such input'),
    )
  })
})

test('the variables that secrets come from are known from the plan alone', () => {
  const sources: Record<string, InputSource> = {
    a: { kind: 'env', name: 'A' },
    b: { kind: 'env', name: 'B' },
  }
  expect(
    sourceVariables(planOf({ inputs: { a: secret(), b: input() }, sources, env: { B: 'b' } })),
  ).toEqual(['A'])
})
