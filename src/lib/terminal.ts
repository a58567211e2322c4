/** What a terminal can show: colours, columns, and the cutting of text to them. Owner of chalk. */
import { Chalk } from 'chalk'
import { slice, width } from './columns.ts'

export { width } from './columns.ts'

type Paint = (text: string) => string

/** The few styles that the views use; without colours each gives its text back. */
export interface Colours {
  on: boolean
  bold: Paint
  dim: Paint
  red: Paint
  green: Paint
  yellow: Paint
  cyan: Paint
}

/** How text must be laid out for the place where it will be read. */
export interface Look {
  colours: Colours
  /** `Infinity` where no terminal cuts the lines. */
  columns: number
  /** Whether the terminal's font has more than the simplest signs. */
  unicode: boolean
  /** The reader is a CI system that takes commands from the log. */
  ci: boolean
  /** Local times are for people at a terminal, UTC for everything else. */
  localTime: boolean
}

/** The part of a stream that decides how it looks. */
export interface Surface {
  isTTY?: boolean
  columns?: number
  rows?: number
}

type Env = Record<string, string | undefined>

const ELLIPSIS = '…'

/** The styles, as real colours or as nothing. */
export function palette(on: boolean): Colours {
  // 16 colours: they follow the person's own theme, so that they can be read on any background.
  const chalk = new Chalk({ level: on ? 1 : 0 })
  // chalk paints all that it is given, so as a callback of `map` it would paint the index too.
  const only =
    (paint: (...texts: string[]) => string): Paint =>
    (text) =>
      paint(text)
  return {
    on,
    bold: only(chalk.bold),
    dim: only(chalk.dim),
    red: only(chalk.red),
    green: only(chalk.green),
    yellow: only(chalk.yellow),
    cyan: only(chalk.cyan),
  }
}

/** NO_COLOR forbids, FORCE_COLOR demands, else a terminal decides. */
export function colours(stream: Surface, env: Env = process.env): Colours {
  return palette(wantsColour(stream, env))
}

function wantsColour(stream: Surface, env: Env): boolean {
  if (env['NO_COLOR']) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** Whether the live tree can be painted on this stream. */
export function canPaint(stream: Surface, env: Env = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !env['CI']
}

/** Whether a CI system reads the log and obeys lines in it. */
function readByCi(env: Env): boolean {
  return Boolean(env['GITHUB_ACTIONS'] || env['TF_BUILD'])
}

/** How text on this stream must look. */
export function lookOf(stream: Surface, env: Env = process.env): Look {
  return {
    colours: colours(stream, env),
    columns: stream.isTTY === true ? size(stream).columns : Infinity,
    // The Linux console has 512 glyphs, and ticks and arrows are not among them.
    unicode: env['TERM'] !== 'linux',
    ci: readByCi(env),
    localTime: stream.isTTY === true,
  }
}

/** For data, files and tests: no colours, no end of line, UTC. */
export const PLAIN: Look = {
  colours: palette(false),
  columns: Infinity,
  unicode: true,
  ci: false,
  localTime: false,
}

/** Rows and columns; 24 × 80 when the terminal does not say. */
export function size(stream: Surface): { rows: number; columns: number } {
  return { rows: stream.rows || 24, columns: stream.columns || 80 }
}

/** At most so many columns of the text, with an ellipsis where something was cut off. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return ''
  if (columns === Infinity) return text
  const short = foreshorten(text, columns)
  if (short === text && width(text) <= columns) return text
  return slice(short, 0, columns - 1) + ELLIPSIS
}

/**
 * A line of megabytes is made short before its columns are counted, which is slow; the factor leaves
 * room for colours and combining marks.
 */
function foreshorten(text: string, columns: number): string {
  const most = columns * 12 + 200
  if (text.length <= most) return text
  return text
    .slice(0, most)
    .replace(/\p{Cc}\[?[\d;]*$/u, '')
    .toWellFormed()
}

/** The text filled up with spaces to so many columns. */
export function pad(text: string, columns: number, side: 'left' | 'right' = 'left'): string {
  const missing = columns - width(text)
  if (missing <= 0 || missing === Infinity) return text
  return side === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text
}

/** Left and right part on one line of exactly `columns`; the left is cut first, then the right dropped. */
export function spread(left: string, right: string, columns: number): string {
  if (right === '') return cut(left, columns)
  const room = columns - width(right) - 2
  if (room >= Math.min(width(left), 16)) return `${pad(cut(left, room), room)}  ${right}`
  return cut(left, columns)
}

/** Lines of at most so many columns, broken between words where there are any. */
export function wrap(text: string, columns: number): string[] {
  if (columns === Infinity) return text.split('\n')
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(1, columns)))
}

function wrapLine(line: string, columns: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`
    if (width(longer) <= columns) {
      current = longer
      continue
    }
    if (current !== '') lines.push(current)
    current = word
    while (width(current) > columns) {
      const piece = slice(current, 0, columns)
      if (piece === '') break
      lines.push(piece)
      current = slice(current, columns)
    }
  }
  return [...lines, current]
}
