import { closest, distance } from 'fastest-levenshtein'

/** Something wrong with a file, at a place, in words a person can act on. */
export interface Problem {
  file: string
  /** From 1. */
  line: number
  /** From 1. */
  column: number
  message: string
  /** What to write instead. */
  hint?: string
  /** The line of the file, as it stands. */
  source?: string
  /** A warning does not stop anything. Default: an error. */
  level?: 'error' | 'warning'
}

/** `file:line:column: message`, the line with a caret under the place, and the hint. */
export function formatProblem(p: Problem): string {
  const lines = [
    `${p.file}:${p.line}:${p.column}: ${p.level === 'warning' ? 'warning: ' : ''}${p.message}`,
  ]
  if (p.source !== undefined && p.source.length <= 400) {
    const gutter = String(p.line)
    const shown = p.source.replaceAll('\t', ' ')
    lines.push(
      `  ${gutter} | ${shown}`,
      `  ${' '.repeat(gutter.length)} | ${' '.repeat(Math.max(0, p.column - 1))}^`,
    )
  }
  if (p.hint !== undefined) lines.push(`  ${p.hint}`)
  return lines.join('\n')
}

function letters(word: string): string {
  return [...word].toSorted().join('')
}

/** The nearest of the known words, when it is near enough to have been meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const best = closest(word, [...known])
  // Two letters that changed places are two changes and one slip.
  const slips = letters(word) === letters(best) ? 2 : 1
  return distance(word, best) <= Math.max(slips, Math.floor(word.length / 3)) ? best : undefined
}

/**
 * `did you mean "x"?`; when nothing is that near the whole choice when it is short, else those that
 * share a part of their name with it.
 */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const best = nearest(word, known)
  if (best !== undefined) return `did you mean "${best}"?`
  if (known.length === 0) return undefined
  if (known.length <= 16) return `expected one of: ${known.join(', ')}`
  const parts = word.split(/[^A-Za-z0-9]+/).filter((part) => part.length > 2)
  const like = known.filter((name) => parts.some((part) => name.includes(part))).slice(0, 8)
  return like.length === 0 ? undefined : `did you mean one of: ${like.join(', ')}?`
}
