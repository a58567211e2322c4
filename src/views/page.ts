/** Pages of text: labelled values, indented blocks, lines cut or wrapped to the terminal. */
import { clean, cleanLine, lastLines } from '../lib/clean.ts'
import { cut, pad, width, wrap, type Look } from '../lib/terminal.ts'

const LABEL = 11

/** Collects the lines of a page. Everything given to it may be foreign text: it is cleaned here. */
export interface Page {
  /** How it is laid out. */
  look: Look
  /** A line as it is; own text only, colours allowed. */
  line(text?: string): void
  /** Foreign or own text, bold and wrapped. */
  heading(text: string): void
  /** Foreign or own text, wrapped; the first line carries the label. */
  field(label: string, text: string): void
  /** Foreign lines behind a bar, cut, at most `most` of them from the end. */
  block(label: string, text: string, most?: number): void
  text(): string
}

/** A page for this look, indented by two. */
export function page(look: Look): Page {
  const lines: string[] = []
  const { dim } = look.colours
  const bar = look.unicode ? '│ ' : '| '
  const room = look.columns === Infinity ? Infinity : Math.max(10, look.columns - LABEL - 2)
  const labelled = (label: string, i: number, text: string) => {
    const name = i === 0 ? label : ''
    lines.push(cut(`  ${dim(pad(name, LABEL))}${text}`.trimEnd(), look.columns))
  }
  return {
    look,
    line: (text = '') => lines.push(text),
    heading(text) {
      lines.push(...wrap(cleanLine(text, look), look.columns).map(look.colours.bold))
    },
    field(label, text) {
      const shown = wrap(clean(text, look).trimEnd(), room)
      for (const [i, line] of shown.entries()) labelled(label, i, line)
    },
    block(label, text, most = 20) {
      const shown = lastLines(clean(lastLines(text, most).join('\n'), look), most)
      for (const [i, line] of shown.entries()) labelled(label, i, dim(bar) + line)
    },
    text: () => lines.map((line) => `${line}\n`).join(''),
  }
}

/** Rows as columns of equal width, two spaces apart; the last column is cut to the terminal. */
export function columns(rows: readonly (readonly string[])[], look: Look, indent = 0): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  const fitted = fit(widths, look.columns - indent)
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const most = fitted[i] ?? 0
      return i === row.length - 1 ? cut(cell, most) : pad(cut(cell, most), most)
    })
    return `${' '.repeat(indent)}${cells.join('  ')}`.trimEnd()
  })
}

/** Takes from the widest column, again and again, until the line fits; none gets thinner than 6. */
function fit(widths: readonly number[], room: number): number[] {
  const fitted = [...widths]
  const sum = () => fitted.reduce((a, b) => a + b, 0) + 2 * (fitted.length - 1)
  while (sum() > room) {
    const widest = Math.max(...fitted)
    if (widest <= 6) break
    const at = fitted.lastIndexOf(widest)
    const second = Math.max(6, ...fitted.filter((w) => w < widest))
    fitted[at] = Math.max(second === widest ? widest - 1 : second - 1, widest - (sum() - room), 6)
  }
  return fitted
}

/** A table with a head; cells may be foreign text without colours, or own text with. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  look: Look,
): string {
  const all = columns([head, ...rows], look).map((line) => cut(line, look.columns))
  const [first = '', ...rest] = all
  return [look.colours.dim(first), ...rest].map((line) => `${line}\n`).join('')
}

/** A foreign cell. */
export function cell(text: string | undefined, look: Look): string {
  return text === undefined ? '' : cleanLine(text, look)
}
