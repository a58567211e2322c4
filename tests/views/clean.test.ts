import { describe, expect, test } from 'vitest'
import { clean, cleanLine, lastLines } from '../../src/lib/clean.ts'
import { palette, PLAIN } from '../../src/lib/terminal.ts'

const colour = { colours: palette(true), ci: false }
const ci = { colours: palette(false), ci: true }

describe('what a terminal would obey is shown as text', () => {
  test.each([
    ['clear the screen', '\x1b[2J', '\\x1b[2J'],
    ['move the cursor', 'a\x1b[10A\x1b[1;1Hb', 'a\\x1b[10A\\x1b[1;1Hb'],
    ['erase the line', '\x1b[K', '\\x1b[K'],
    ['hide the cursor', '\x1b[?25l', '\\x1b[?25l'],
    ['other screen', '\x1b[?1049h', '\\x1b[?1049h'],
    ['clipboard', '\x1b]52;c;cm0gLXJmIC8=\x07', '\\x1b]52;c;cm0gLXJmIC8=\\x07'],
    ['window title', '\x1b]0;owned\x1b\\', '\\x1b]0;owned\\x1b\\'],
    [
      'link',
      '\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\',
      '\\x1b]8;;http://evil\\x1b\\here\\x1b]8;;\\x1b\\',
    ],
    ['device control', '\x1bP+q544e\x1b\\', '\\x1bP+q544e\\x1b\\'],
    ['report', '\x1b[6n\x1b[c\x1b[>c', '\\x1b[6n\\x1b[c\\x1b[>c'],
    ['reset', '\x1bc', '\\x1bc'],
    ['C1 CSI', '\x9b2J', '\\x9b2J'],
    ['C1 colour', '\x9b31mred', '\\x9b31mred'],
    ['C1 OSC', '\x9d0;x\x9c', '\\x9d0;x\\x9c'],
    ['bell, backspace, NUL', '\x07\b\0', '\\x07\\x08\\x00'],
    ['DEL', 'a\x7fb', 'a\\x7fb'],
    ['vertical tab, form feed', '\v\f', '\\x0b\\x0c'],
    ['bidi override', 'a\u202eb\u2066c\u2069', 'a\\u202eb\\u2066c\\u2069'],
    ['line separators', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['byte order mark', '\ufeffa', '\\ufeffa'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['an escape at the end', 'a\x1b', 'a\\x1b'],
    ['an escape before a colour', '\x1b\x1b]x', '\\x1b\\x1b]x'],
    ['colour with colons', '\x1b[38:2::1:2:3mx', '\\x1b[38:2::1:2:3mx'],
    ['private colour', '\x1b[>4;2mx', '\\x1b[>4;2mx'],
  ])('%s', (_name, text, shown) => {
    expect(clean(text, PLAIN)).toBe(shown)
    expect(clean(text, colour).replaceAll('\x1b[0m', '')).toBe(shown)
  })

  test('no sequence of any kind leaves a control sign, by trying many', () => {
    const finals = '@ABCDHJKLMPSTXZ`abcdefghilnopqrstu~'
    for (const intro of ['\x1b[', '\x1b[?', '\x1b[>', '\x1b', '\x9b', '\x1b]', '\x1bP', '\x1b_'])
      for (const final of finals)
        for (const parameters of ['', '1', '1;2', '38;5'])
          expect(clean(`x${intro}${parameters}${final}y`, colour)).not.toMatch(/\p{Cc}/u)
  })
})

describe('colours', () => {
  test('pass where the reader has them, and end with their line', () => {
    expect(clean('\x1b[31mred\nplain', colour)).toBe('\x1b[31mred\x1b[0m\nplain')
    expect(clean('\x1b[1;38;5;208mx', colour)).toBe('\x1b[1;38;5;208mx\x1b[0m')
    expect(clean('\x1b[48;2;1;2;3mx\x1b[m', colour)).toBe('\x1b[48;2;1;2;3mx\x1b[0m\x1b[0m')
  })
  test('are removed elsewhere', () => {
    expect(clean('\x1b[31mred\x1b[0m', PLAIN)).toBe('red')
  })
  test('blinking, hidden and malformed ones are left out', () => {
    expect(clean('\x1b[5;8mx', colour)).toBe('x')
    expect(clean('\x1b[8;32mx', colour)).toBe('\x1b[32mx\x1b[0m')
    expect(clean('\x1b[38;5mx', colour)).toBe('x')
    expect(clean('\x1b[38;2;999;0;0mx', colour)).toBe('x')
  })
})

test('a carriage return hides nothing', () => {
  expect(clean('10%\r20%\r\ndone\r', PLAIN)).toBe('10%\n20%\ndone')
  expect(clean('rm -rf /\rls      ', PLAIN)).toBe('rm -rf /\nls      ')
})

test('tabs become spaces to the next stop', () => {
  expect(clean('a\tb\n字\tb\t', PLAIN)).toBe('a       b\n字      b       ')
})

describe('commands to a CI system become text', () => {
  test.each([
    ['::add-mask::secret', ': :add-mask::secret'],
    ['ok\n  ::error file=x::boom', 'ok\n  : :error file=x::boom'],
    ['\x1b[31m::set-env name=PATH::/evil', ': :set-env name=PATH::/evil'],
    ['a ##vso[task.setvariable variable=x]y', 'a ## vso[task.setvariable variable=x]y'],
    ['##[add-mask]x', '## [add-mask]x'],
    ['std::string and a::b', 'std::string and a::b'],
  ])('%j', (text, shown) => {
    expect(clean(text, ci)).toBe(shown)
  })
  test('not elsewhere', () => {
    expect(clean('::add-mask::x', PLAIN)).toBe('::add-mask::x')
  })
})

test('a line that must stay one', () => {
  expect(cleanLine('  a\n\n b\r\nc\x1b[2K ', PLAIN)).toBe('a b c\\x1b[2K')
})

test('the last lines of a long text are found without reading all of it', () => {
  const text = `${'x'.repeat(50_000_000)}\nlast\n`
  const from = performance.now()
  expect(lastLines(text, 2).at(-1)).toBe('last')
  expect(performance.now() - from).toBeLessThan(1000)
  expect(lastLines('a\nb\nc\n', 2)).toEqual(['b', 'c'])
  expect(lastLines('', 2)).toEqual([])
})
