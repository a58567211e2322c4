/** Foreign text made harmless: it may colour itself, and nothing else. */
import { width, type Look } from './terminal.ts'

const ESC = '\u001b'
const RESET = `${ESC}[0m`
const TAB = 8

/** A control or invisible ordering sign; with it what follows an escape when that is a colour. */
const UNSAFE = /([\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\ufeff])(\[[\d;]*m)?/gu

/** Where a CI system would see a command: `::name` at the start of a line, `##[name]` anywhere. */
const GITHUB = /^((?:\s|\p{Cc}\[[\d;]*m)*):(?=:)/gmu
const AZURE = /##(?=[a-z]*\[)/gi

/**
 * Text from steps, servers and files, fit to be shown. Escapes and control signs are shown as `\x1b`
 * text, carriage returns become new lines so that nothing is overwritten, tabs become spaces. Colours
 * pass where the reader has colours, and end with their line.
 */
export function clean(text: string, look: Pick<Look, 'colours' | 'ci'>): string {
  const lines = text
    .toWellFormed()
    .replace(/\r+(\n|$)/g, '$1')
    .replaceAll('\r', '\n')
  const shown = lines.replace(UNSAFE, (all, sign: string, rest: string | undefined) => {
    if (sign === '\n' || sign === '\t') return all
    if (sign !== ESC || rest === undefined) return visible(sign) + (rest ?? '')
    return look.colours.on ? colour(rest.slice(1, -1)) : ''
  })
  const safe = look.ci ? defuse(shown) : shown
  if (!safe.includes('\t') && !safe.includes(ESC)) return safe
  return safe
    .split('\n')
    .map((line) => endColour(spaces(line)))
    .join('\n')
}

/** The same on one line: for titles, names and table cells. */
export function cleanLine(text: string, look: Pick<Look, 'colours' | 'ci'>): string {
  return clean(text, look)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ')
}

/** The last lines of a text that may be long; only they are looked at. */
export function lastLines(text: string, count: number): string[] {
  // A line longer than this fills no screen, and cleaning megabytes for five rows would be slow.
  const end = text.slice(-count * 4096)
  const lines = end.split(/\r\n|\r|\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines.slice(-count)
}

/** What a program said last; empty when it said nothing. */
export function lastLine(text: string): string {
  return lastLines(text.trimEnd(), 1)[0] ?? ''
}

/** CI command lines, so changed that they are text. */
function defuse(text: string): string {
  return text.replace(GITHUB, '$1: ').replace(AZURE, '## ')
}

/** `\x1b`, `\u202e`: how a sign that must not act is written. */
function visible(sign: string): string {
  const code = sign.codePointAt(0) ?? 0
  return code < 256
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Only colours, weight and underline: blinking and hidden text are left out. */
function colour(parameters: string): string {
  const codes = parameters.split(';').map(Number)
  const kept: number[] = []
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0
    if (code === 38 || code === 48) {
      const length = codes[i + 1] === 5 ? 3 : codes[i + 1] === 2 ? 5 : 1
      const group = codes.slice(i, i + length)
      if (length > 1 && group.length === length && group.every((n) => n < 256)) kept.push(...group)
      i += length - 1
    } else if (isColour(code)) kept.push(code)
  }
  return kept.length === 0 ? '' : `${ESC}[${kept.join(';')}m`
}

function isColour(code: number): boolean {
  return (
    code <= 4 ||
    (code >= 22 && code <= 24) ||
    (code >= 30 && code <= 49) ||
    (code >= 90 && code <= 107)
  )
}

function endColour(line: string): string {
  return line.includes(ESC) ? line + RESET : line
}

/** Tab stops, as the terminal would have set them; a very long line gets spaces by count. */
function spaces(line: string): string {
  if (!line.includes('\t')) return line
  if (line.length > 4096) return line.replaceAll('\t', ' '.repeat(TAB))
  let shown = ''
  for (const [i, piece] of line.split('\t').entries()) {
    if (i > 0) shown += ' '.repeat(TAB - (width(shown) % TAB))
    shown += piece
  }
  return shown
}
