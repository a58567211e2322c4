import { describe, expect, test } from 'vitest'
import { expressionsIn, isTemplateError, pieces, resolve } from '../../src/core/templates.ts'

const scope = { a: 1, text: 'x y', items: [1, 'two'], none: null, yes: true }

describe('resolve', () => {
  test.each<[value: Parameters<typeof resolve>[0], resolved: unknown]>([
    ['plain', 'plain'],
    ['', ''],
    ['${{ a }}', 1],
    ['${{ items }}', [1, 'two']],
    ['${{ none }}', null],
    ['n=${{ a }}', 'n=1'],
    ['${{ a }}${{ a }}', '11'],
    ['${{a}} ${{ text }} [${{ none }}] ${{ items }} ${{ yes }}', '1 x y [] [1,"two"] true'],
    ['${{ "}}" }}', '}}'],
    ['${{ {"a": {"b": a}} }}', { a: { b: 1 } }],
    ["${{ 'it\\'s }}' }}", "it's }}"],
    ['$a ${a} $${a} {{ a }}', '$a ${a} $${a} {{ a }}'],
    [
      { k: ['${{ a }}', { d: 'x${{ a }}' }], '${{ a }}': null },
      { k: [1, { d: 'x1' }], '${{ a }}': null },
    ],
    [7, 7],
  ])('%j', (value, resolved) => {
    expect(resolve(value, scope)).toEqual(resolved)
  })

  test.each([
    ['${{ b }}', 'b'],
    ['x ${{ a.b }}', 'a.b'],
    ['${{ text == 1 }}', 'text == 1'],
    ['${{ }}', ''],
    ['${{ a', '${{ a'],
  ])('%s fails', (value, expression) => {
    try {
      resolve(value, scope)
    } catch (error) {
      if (!isTemplateError(error)) throw error
      expect(error).toMatchObject({ templateError: true, expression })
      expect(error.message).not.toBe('')
      return
    }
    throw new Error('it did not fail')
  })
})

test('pieces keep values apart from text', () => {
  expect(pieces('SELECT ${{ a }}, ${{ text }};', scope)).toEqual([
    { text: 'SELECT ' },
    { value: 1, source: 'a' },
    { text: ', ' },
    { value: 'x y', source: 'text' },
    { text: ';' },
  ])
})

test('expressionsIn tells where the expressions stand', () => {
  const text = 'a ${{ x }} b ${{y}} c ${{ z'
  expect(expressionsIn(text)).toEqual({
    expressions: [
      { source: 'x', offset: 6 },
      { source: 'y', offset: 16 },
    ],
    unterminated: 22,
  })
})
