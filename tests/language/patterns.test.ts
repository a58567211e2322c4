import { describe, expect, test } from 'vitest'
import { compilePattern, fits } from '../../src/core/patterns.ts'
import { randomly } from './randomly.ts'

function matches(source: string, text: string): boolean {
  const pattern = compilePattern(source)
  if (!pattern.ok) throw new Error(pattern.message)
  return pattern.test(text)
}

test.each<[pattern: string, text: string, matches: boolean]>([
  ['', '', true],
  ['(?i)abc', 'xABCx', true],
  ['(?i:a)b', 'AB', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['\\x41\\x{1F600}', 'A😀', true],
  ['^.$', '😀', true],
  ['\\p{Lu}\\P{L}', 'É1', true],
  ['[^a-c\\d]', 'abc123', false],
  ['[]a]', ']', true],
  ['[a-]', '-', true],
  ['a{2,3}b', 'aab', true],
  ['a{,3}', 'a{,3}', true],
  ['\\bfoo\\b', 'a foo b', true],
  ['(?P<year>\\d{4})-(?:\\d\\d)', '2026-01', true],
])('%s on %j', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})

test.each([
  '(?=a)',
  '(?!a)',
  '(?<=a)b',
  '(a)\\1',
  '\\k<a>',
  '[a',
  '(a',
  'a)',
  '*a',
  'a**',
  'a{2000}',
  '[b-a]',
  '\\p{Nope}',
  '[[:alpha:]]',
  'a\\',
  '(a{500}){500}',
  'x'.repeat(2000),
])('%s is refused', (source) => {
  expect(compilePattern(source)).toMatchObject({ ok: false })
})

test('fits wants all of the text', () => {
  expect(fits('a|b', 'a')).toBe(true)
  expect(fits('a|b', 'ab')).toBe(false)
  expect(fits('[0-9a-f]{40}', 'f'.repeat(41))).toBe(false)
})

describe('time stays bounded', () => {
  test.each(['(a+)+$', '(a|aa)+$', '(a*)*b', '(.*a){10}$', '(x+x+)+y'])('%s', (source) => {
    const started = performance.now()
    matches(source, `${'a'.repeat(100_000)}!`)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('what would take longer is refused', () => {
    expect(() => matches('(a{60}){60}', 'a'.repeat(1_000_000))).toThrow('too much to do')
  })
})

test('it agrees with the regular expressions of JavaScript', () => {
  const { pick, below } = randomly(7)
  const atoms = [
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '\\d',
    '\\w',
    '\\s',
    '(a|b)',
    '(?:ab)',
    'x',
    '(a*)',
    '(b+|a)',
    '[a-c]',
  ]
  const repeats = ['', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,1}', '{2,}', '*?', '+?']
  const different: [pattern: string, text: string, ours: boolean][] = []
  for (let i = 0; i < 20_000; i++) {
    let pattern = pick(['', '^', '\\b'])
    for (let k = 0; k <= below(4); k++) {
      pattern += pick(atoms) + pick(repeats) + pick(['', '', '', '|', '$', '\\B'])
    }
    let text = ''
    for (let k = below(8); k > 0; k--) text += pick([...'abxc1 \n'])
    const ours = matches(pattern, text)
    if (ours !== new RegExp(pattern, 'u').test(text)) different.push([pattern, text, ours])
  }
  expect(different).toEqual([])
})
