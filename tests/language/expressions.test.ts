import { describe, expect, test } from 'vitest'
import { checkExpression, type Fields } from '../../src/core/expression-types.ts'
import { evaluate, judge, references } from '../../src/core/expressions.ts'

const ten = new Date('2026-01-31T10:00:00Z')

describe('evaluate', () => {
  test.each<[source: string, scope: Record<string, unknown>, value: unknown]>([
    ['1 + 2', {}, 3],
    ['n == 3', { n: 3 }, true],
    ['n == 3', { n: 3n }, true],
    ['n == 3.0', { n: 3 }, true],
    ['n > 2.5 && n * 1.5 == 4.5', { n: 3 }, true],
    ['rows[0].rate > 0.95', { rows: [{ rate: 1 }] }, true],
    ['n / 2', { n: 101 }, 50],
    ['rps / 2', { rps: 101 }, 50.5],
    ['n', { n: 9007199254740993n }, '9007199254740993'],
    ['n > 9007199254740992', { n: 9007199254740993n }, true],
    ['previous == null || size > previous.size / 2', { previous: null, size: 1 }, true],
    ['json.user == null', { json: { user: null } }, true],
    ['json["a-b"] + json.c', { json: { 'a-b': 'x', c: 'y' } }, 'xy'],
    ['json.constructor', { json: { constructor: 'own' } }, 'own'],
    ['json.__proto__.a', { json: JSON.parse('{"__proto__":{"a":1}}') as unknown }, 1],
    ['has(json.x)', { json: {} }, false],
    ['json.x == 1 || json.y == 2', { json: { y: 2 } }, true],
    ['rows.all(r, r.n > 0) && rows.exists(r, r.n == 2)', { rows: [{ n: 1 }, { n: 2 }] }, true],
    ['rows.map(r, r.n).filter(n, n > 1)', { rows: [{ n: 1 }, { n: 2 }] }, [2]],
    ['size(text)', { text: 'é👍' }, 2],
    ['size(text)', { text: 'x'.repeat(2_000_000) }, 1_048_576],
    ['text.startsWith("a") && text.endsWith("c") && text.contains("b")', { text: 'abc' }, true],
    ['"a" in items && !("b" in items)', { items: ['a'] }, true],
    ['"a" in byName', { byName: { a: 1 } }, true],
    ['text.matches("^v[0-9]+$")', { text: 'v12' }, true],
    ['text.matches("(a+)+$")', { text: `${'a'.repeat(5000)}b` }, false],
    ['now - duration("1h") < now', { now: ten }, true],
    ['now', { now: ten }, '2026-01-31T10:00:00.000Z'],
    ['duration("90s")', {}, '90s'],
    ['{"a": [1, 2.5, "x", null]}', {}, { a: [1, 2.5, 'x', null] }],
  ])('%s', (source, scope, value) => {
    expect(evaluate(source, scope)).toEqual({ ok: true, value })
  })

  test.each<[source: string, scope: Record<string, unknown>, name: string]>([
    ['json.foo == 1', { json: {} }, 'json.foo'],
    ['json.foo.bar == 1', { json: { foo: {} } }, 'json.foo.bar'],
    ['json.foo.bar', { json: { foo: null } }, 'json.foo.bar'],
    ['json.foo', {}, 'json'],
    ['steps.before.release', { steps: {} }, 'steps.before'],
    ['rows[0].n > 1', { rows: [] }, 'rows[0]'],
    ['rows.all(r, r.x > 0)', { rows: [{}] }, 'r.x'],
    ['!(json.x == 1)', { json: {} }, 'json.x'],
    ['toString', {}, 'toString'],
  ])('%s names what is missing', (source, scope, name) => {
    expect(evaluate(source, scope)).toMatchObject({ ok: false, kind: 'missing', name })
  })

  test.each<[source: string, scope: Record<string, unknown>]>([
    ['a == 0', { a: '0' }],
    ['a != 0', { a: '0' }],
    ['0 == a', { a: '0' }],
    ['a == b', { a: '0', b: 0 }],
    ['a == 1.5', { a: '1.5' }],
    ['a == true', { a: 'true' }],
    ['a == 1', { a: true }],
    ['a in ["1"]', { a: 1 }],
    ['a == [1]', { a: ['1'] }],
    ['a < 1', { a: '0' }],
    ['a > 1', { a: null }],
    ['a + 1', { a: 'x' }],
    ['a && true', { a: 1 }],
    ['a.startsWith("x")', { a: 5 }],
    ['a.matches("(")', { a: 'x' }],
    ['a.foo()', { a: 1 }],
    ['1 / 0', {}],
    ['int("x")', {}],
    ['a +', { a: 1 }],
    ['', {}],
    ['('.repeat(1000), {}],
    ['a'.repeat(20_000), {}],
  ])('%s is an error', (source, scope) => {
    expect(evaluate(source, scope)).toMatchObject({ ok: false, kind: 'error' })
  })
})

describe('judge', () => {
  const at = 'x.yaml:1:1'
  const asked = (...sources: string[]) => sources.map((source) => ({ source, at }))

  test('all true', () => {
    expect(judge(asked('n == 1', 'n > 0'), { n: 1 })).toEqual({ answer: 'holds', values: { n: 1 } })
    expect(judge([], {})).toEqual({ answer: 'holds' })
  })

  test('the first that is false decides, and shows what it looked at', () => {
    const scope = { json: { version: '1.1.0' }, inputs: { release: '1.2' }, status: 200 }
    expect(judge(asked('status == 200', 'json.version == inputs.release', 'false'), scope)).toEqual(
      {
        answer: 'does_not_hold',
        expression: 'json.version == inputs.release',
        at,
        values: { 'json.version': '1.1.0', 'inputs.release': '1.2' },
      },
    )
  })

  test('a missing key does not hold and is named', () => {
    expect(judge(asked('json.ok && n == 1'), { json: {}, n: 1 })).toMatchObject({
      answer: 'does_not_hold',
      reason: 'json.ok is missing',
      values: { n: 1 },
    })
  })

  test('an error, and a value that is neither true nor false, cannot tell', () => {
    expect(judge(asked('n == 0'), { n: '0' }).answer).toBe('cannot_tell')
    expect(judge(asked('n'), { n: 1 }).answer).toBe('cannot_tell')
  })

  test('long values are masked first and cut then', () => {
    const secret = 'hunter2'.repeat(10)
    const text = `${'x'.repeat(180)}${secret}`
    const { values } = judge(asked('text == "y"'), { text }, (t) => t.replaceAll(secret, '***'))
    expect(values).toEqual({ text: `${'x'.repeat(180)}***` })
    expect(JSON.stringify(judge(asked('t == "y"'), { t: 'y'.repeat(1e6) })).length).toBeLessThan(
      400,
    )
  })
})

test('references', () => {
  expect(references('a.b[0].c == d && x.all(q, q.z == e.f) && has(h.i) && m[k].n')).toEqual([
    'a.b[0].c',
    'd',
    'x',
    'e.f',
    'h.i',
    'm',
    'k',
  ])
  expect(references('a +')).toEqual([])
})

describe('checkExpression', () => {
  const variables: Fields = {
    called: 'variable',
    fields: {
      exit_code: 'int',
      output: 'string',
      json: 'dyn',
      mean_ms: 'double',
      now: 'timestamp',
      rows: 'list',
      inputs: { called: 'input', fields: { port: 'int', app_url: 'string', debug: 'bool' } },
      steps: { called: 'step', fields: { a: { called: 'output', fields: { id: 'dyn' } } } },
    },
  }

  test.each([
    ['exit_code == 0', 'bool'],
    ['exit_code + 1', 'int'],
    ['mean_ms == 5 && mean_ms / 2 < 4', 'bool'],
    ['output', 'string'],
    ['json.a.b', 'dyn'],
    ['rows[0].n > 1', 'bool'],
    ['rows.exists(r, r.name == inputs.app_url)', 'bool'],
    ['has(inputs.debug) && inputs.debug', 'bool'],
    ['now - duration("24h") < now', 'bool'],
    ['steps.a.id == 1', 'bool'],
  ])('%s is %s', (source, type) => {
    expect(checkExpression(source, variables)).toEqual({ ok: true, type, warnings: [] })
  })

  test.each([
    ['exit_cod == 0', 0, 'there is no variable "exit_cod"; did you mean "exit_code"?'],
    ['inputs.app_ur == ""', 7, 'there is no input "app_ur"; did you mean "app_url"?'],
    ['1 == 1 && steps.b.id == 1', 16, 'there is no step "b"; did you mean "a"?'],
    ['steps.a.ids == 1', 8, 'there is no output "ids"; did you mean "id"?'],
    ['exit_code == "0"', 0, '"==" compares two of a kind, here a whole number and text meet'],
    [
      'true && inputs.port == "x"',
      8,
      '"==" compares two of a kind, here a whole number and text meet',
    ],
    ['exit_code in ["0"]', 0, '"in" looks for a whole number in a list of another kind (text)'],
    ['output.contain("x")', 0, 'there is no function contain(); did you mean "contains"?'],
    ['output.matches("a(?=b)")', 15, '"a(?=b)" is not a pattern: look-around is not supported'],
    ['exit_code +', 11, 'the expression breaks off at the end'],
    ['output = "x"', 7, '"=" has no meaning here; did you mean "=="?'],
  ])('%s', (source, offset, message) => {
    expect(checkExpression(source, variables)).toEqual({ ok: false, offset, message })
  })

  test('dividing two ints is a warning', () => {
    expect(checkExpression('exit_code > 0 && inputs.port / 2 > 1', variables)).toMatchObject({
      ok: true,
      warnings: [{ offset: 17 }],
    })
  })
})
