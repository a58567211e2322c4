import { describe, expect, test } from 'vitest'
import {
  canPaint,
  colours,
  cut,
  pad,
  palette,
  size,
  spread,
  width,
  wrap,
} from '../../src/lib/terminal.ts'

describe('when there are colours', () => {
  const tty = { isTTY: true }
  test.each([
    [tty, {}, true],
    [{}, {}, false],
    [tty, { NO_COLOR: '1' }, false],
    [tty, { NO_COLOR: '' }, true],
    [{}, { FORCE_COLOR: '1' }, true],
    [tty, { FORCE_COLOR: '0' }, false],
    [{}, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [tty, { TERM: 'dumb' }, false],
  ])('%j %j: %s', (stream, env, on) => {
    expect(colours(stream, env).on).toBe(on)
    expect(colours(stream, env).red('x') !== 'x').toBe(on)
  })
  test.each([
    [tty, {}, true],
    [tty, { NO_COLOR: '1' }, false],
    [tty, { TERM: 'dumb' }, false],
    [tty, { CI: 'true' }, false],
    [{}, { FORCE_COLOR: '1' }, false],
  ])('the tree is painted: %j %j: %s', (stream, env, can) => {
    expect(canPaint(stream, env)).toBe(can)
  })
})

describe('cutting to columns', () => {
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['日本語', 2, '…'],
    ['👨‍👩‍👧‍👦x', 3, '👨‍👩‍👧‍👦x'],
    ['👨‍👩‍👧‍👦xyz', 3, '👨‍👩‍👧‍👦…'],
    ['é'.normalize('NFD').repeat(4), 4, 'é'.normalize('NFD').repeat(4)],
  ])('%s to %d: %s', (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected)
    expect(width(cut(text, columns))).toBeLessThanOrEqual(columns)
  })
  test('colours take no columns and are closed', () => {
    const { red } = palette(true)
    expect(cut(red('abcdef'), 4)).toBe(`${red('abc')}…`)
  })
  test('a line of megabytes is cut at once, and no escape is torn', () => {
    const from = performance.now()
    expect(cut('x'.repeat(10_000_000), 4)).toBe('xxx…')
    expect(width(cut('a\u0301'.repeat(5_000_000), 4))).toBeLessThanOrEqual(4)
    expect(cut('\x1b[31m'.repeat(1_000_000), 4)).not.toMatch(/\p{Cc}(?!\[[\d;]*m)/u)
    expect(performance.now() - from).toBeLessThan(500)
  })
})

test('padding counts columns', () => {
  expect(pad('日', 4)).toBe('日  ')
  expect(pad('日', 4, 'right')).toBe('  日')
  expect(pad('abc', 2)).toBe('abc')
})

test('left and right on one line', () => {
  expect(spread('left', 'right', 20)).toBe('left           right')
  expect(spread('a very long left part', 'right', 25)).toBe('a very long left …  right')
  expect(spread('a very long left part', 'a long right part', 20)).toBe('a very long left pa…')
})

test('wrapping', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three'])
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij'])
  expect(wrap('日本語', 4)).toEqual(['日本', '語'])
  expect(wrap('日', 1)).toEqual(['日'])
  expect(wrap('a\n\nb', Infinity)).toEqual(['a', '', 'b'])
})

test('a terminal that does not say its size', () => {
  expect(size({ columns: 0, rows: 0 })).toEqual({ columns: 80, rows: 24 })
})
