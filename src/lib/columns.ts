/**
 * How many columns a text takes, and cutting it to them. Owner of string-width and slice-ansi, which
 * bring the tables of all of Unicode: they are loaded with the first text that is not plain ASCII.
 */
import { createRequire } from 'node:module'

interface Widths {
  width: (text: string) => number
  slice: (text: string, from: number, to?: number) => string
}

let loaded: Widths | undefined

function widths(): Widths {
  if (loaded === undefined) {
    const load = createRequire(import.meta.url)
    loaded = {
      width: (load('string-width') as { default: Widths['width'] }).default,
      slice: (load('slice-ansi') as { default: Widths['slice'] }).default,
    }
  }
  return loaded
}

const PLAIN = /^[\x20-\x7e]*$/

/** Columns on a terminal: wide characters count two, colours none. */
export function width(text: string): number {
  return PLAIN.test(text) ? text.length : widths().width(text)
}

/** The part of a text between two columns, its colours kept whole. */
export function slice(text: string, from: number, to?: number): string {
  return PLAIN.test(text) ? text.slice(from, to) : widths().slice(text, from, to)
}
