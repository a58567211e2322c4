import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compile, selectedSteps } from '../../src/core/compile.ts'
import { inputValue } from '../../src/core/inputs.ts'
import { planSha256 } from '../../src/core/plan.ts'
import type { Input } from '../../src/core/runbook.ts'
import { loadRunbook } from '../../src/language/load.ts'

const here = import.meta.dirname
const { runbook } = await loadRunbook(join(here, 'sound', 'edge.yaml'), here)
const plan = (environment = 'sandbox', selection = {}) =>
  compile(runbook, environment, {}, selection)
const failing = (environment: string) =>
  Object.fromEntries(plan(environment).steps.map(({ id, on_failure }) => [id, on_failure]))

describe('compile', () => {
  test('takes everything over and settles on_failure, the nearest first', () => {
    expect(plan()).toMatchObject({
      format: 1,
      runbook: 'edge',
      version: '1.10',
      file: 'sound/edge.yaml',
    })
    expect(failing('sandbox')).toMatchObject({ drop: 'stop', load: 'undo' })
    // The runbook is nearer to a step than the environment.
    expect(failing('prod-eu_1')).toMatchObject({ drop: 'stop', load: 'undo' })
    const silent = { ...runbook, on_failure: {} }
    expect(compile(silent, 'prod-eu_1', {}).steps.every((s) => s.on_failure === 'ask')).toBe(true)
    expect(compile(silent, 'sandbox', {}).steps.every((s) => s.on_failure === 'stop')).toBe(true)
  })

  test('is pure: the same plan has the same hash', () => {
    expect(planSha256(plan())).toBe(planSha256(plan()))
    expect(planSha256(plan())).not.toBe(planSha256(plan('prod-eu_1')))
    expect(plan()).not.toHaveProperty('selection')
  })

  test('an unknown environment is named, with the nearest', () => {
    expect(() => plan('sandbax')).toThrow(
      expect.objectContaining({ exit: 2, hint: 'did you mean "sandbox"?' }),
    )
    expect(() => plan('toString')).toThrow(expect.objectContaining({ exit: 2 }))
  })

  test.each([
    [{ only: ['prepare'] }, ['only_a_check', 'several_checks', 'reads']],
    [{ only: ['backup', 'migrate'], skip: ['backup'] }, ['migrate']],
    [{ from: 'load' }, ['load', 'halves', 'drop']],
    [{ from: 'change', to: 'backup' }, ['backup']],
    [{ to: 'prepare', skip: ['reads'] }, ['only_a_check', 'several_checks']],
  ])('%j', (selection, expected) => {
    // The last step reads from one of the first phase, which is not what is asked here.
    const short = { ...runbook, finally: [] }
    expect([...selectedSteps(compile(short, 'sandbox', {}, selection))]).toEqual(expected)
  })

  test('finally is always selected', () => {
    expect(selectedSteps(plan('sandbox', { only: ['prepare'] }))).toContain('why')
  })

  test.each<[selection: object, environment: string, message: string]>([
    [{ only: ['bakup'] }, 'sandbox', '--only bakup: no step or phase is called so'],
    [{ to: 'nowhere' }, 'sandbox', '--to nowhere: no step or phase is called so'],
    [{ skip: ['load'] }, 'prod-eu_1', 'steps of prod-eu_1 cannot be skipped: it is protected'],
    [{ from: 'change' }, 'sandbox', 'step why reads an output of step reads, which is left out'],
    [{ from: 'drop', to: 'backup' }, 'sandbox', 'nothing is left to run'],
  ])('%j on %s is refused', (selection, environment, message) => {
    expect(() => plan(environment, selection)).toThrow(expect.objectContaining({ exit: 2 }))
    expect(() => plan(environment, selection)).toThrow(message)
  })
})

describe('inputValue', () => {
  const input = (more: Partial<Input>): Input => ({
    type: 'string',
    secret: false,
    refs: [],
    at: '',
    ...more,
  })

  test.each<[Partial<Input>, unknown, unknown]>([
    [{}, 'x', 'x'],
    [{}, '007', '007'],
    [{ type: 'integer' }, '42', 42],
    [{ type: 'integer' }, -7, -7],
    [{ type: 'number' }, '1.5e3', 1500],
    [{ type: 'boolean' }, 'true', true],
    [{ type: 'boolean' }, false, false],
    [{ type: 'url' }, 'postgres://u:p@h:5432/d', 'postgres://u:p@h:5432/d'],
    [{ pattern: 'a|b' }, 'b', 'b'],
    [{ enum: [1, 2], type: 'integer' }, '2', 2],
    [{ min_length: 3 }, 'äöü', 'äöü'],
  ])('%j takes %j', (declared, raw, value) => {
    expect(inputValue('name', input(declared), raw)).toEqual({ value })
  })

  test.each<[Partial<Input>, unknown, string]>([
    [{}, 5, 'name must be text; 5 is not'],
    [{ type: 'integer' }, '1.5', 'name must be a whole number; "1.5" is not'],
    [{ type: 'integer' }, '', 'name must be a whole number; "" is not'],
    [
      { type: 'integer' },
      '99999999999999999999',
      'name must be a whole number; "99999999999999999999" is not',
    ],
    [{ type: 'number' }, 'NaN', 'name must be a number; "NaN" is not'],
    [{ type: 'boolean' }, 'yes', 'name must be true or false; "yes" is not'],
    [
      { type: 'url' },
      'localhost:80',
      'name must be a URL such as https://host/path; "localhost:80" is not',
    ],
    [
      { type: 'url' },
      'http://a b',
      'name must be a URL such as https://host/path; "http://a b" is not',
    ],
    [{ pattern: 'a|b' }, 'ab', 'name must match a|b; "ab" does not'],
    [{ enum: ['one', 'two'] }, 'tow', 'name cannot be "tow"; did you mean "two"?'],
    [{ min_length: 3 }, '👍', 'name must have at least 3 characters, this one has 1'],
    [{ secret: true, min_length: 32 }, 'hunter2', 'name must have at least 32 characters'],
    [{ secret: true, pattern: 'x' }, 'hunter2', 'name must match x; its value does not'],
    [{ secret: true, enum: ['a'] }, 'hunter2', 'name cannot be this; expected one of: a'],
    [
      { secret: true, type: 'url' },
      'hunter2',
      'name must be a URL such as https://host/path; its value is not',
    ],
  ])('%j refuses %j', (declared, raw, problem) => {
    expect(inputValue('name', input(declared), raw)).toEqual({ problem })
  })
})
