/** A YAML file as a tree in which every key and value knows its place. */
import type { Problem } from '../core/problems.ts'

/** Offsets in the text, from 0. */
export interface Span {
  start: number
  end: number
}

export type Tree =
  | { kind: 'map'; span: Span; entries: Map<string, { key: Span; value: Tree }> }
  | { kind: 'list'; span: Span; items: Tree[] }
  | { kind: 'scalar'; span: Span; value: null | boolean | number | string; style: Style }

type Style = 'plain' | 'quoted' | 'block'

/** A way through the tree: keys and indexes. */
export type Way = readonly (string | number)[]

/** A file that has been read. */
export interface Document {
  /** As people are to see it. */
  file: string
  text: string
  /** Offset of the first character of each line. */
  lineStarts: number[]
  root: Tree
  /** The same as plain data. */
  data: unknown
}

/** A tree without its places. */
export function plainData(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value
    case 'list':
      return tree.items.map(plainData)
    case 'map':
      return Object.fromEntries(
        [...tree.entries].map(([key, { value }]) => [key, plainData(value)]),
      )
  }
}

/** The node at the end of a way; undefined when it leads nowhere. */
export function nodeAt(root: Tree, way: Way): Tree | undefined {
  let node: Tree | undefined = root
  for (const step of way) {
    if (node?.kind === 'map') node = node.entries.get(String(step))?.value
    else if (node?.kind === 'list' && typeof step === 'number') node = node.items[step]
    else return undefined
  }
  return node
}

/** A scalar as it is written in the file. */
export function sourceAt(document: Document, way: Way): string {
  const node = nodeAt(document.root, way)
  return node === undefined ? '' : document.text.slice(node.span.start, node.span.end)
}

/** Where the last key of a way stands; for an index, where its value stands. */
export function keyOffset(document: Document, way: Way): number {
  const parent = nodeAt(document.root, way.slice(0, -1))
  const last = way.at(-1)
  if (parent?.kind === 'map' && last !== undefined) {
    const entry = parent.entries.get(String(last))
    if (entry !== undefined) return entry.key.start
  }
  return valueOffset(document, way)
}

/** Where the value at the end of a way stands, or the nearest thing before it that there is. */
export function valueOffset(document: Document, way: Way): number {
  for (let length = way.length; length >= 0; length--) {
    const node = nodeAt(document.root, way.slice(0, length))
    if (node !== undefined) return node.span.start
  }
  return 0
}

/** The offset in the file of a place inside the text of a value, as exactly as the style allows. */
export function insideOffset(document: Document, way: Way, within: number): number {
  const node = nodeAt(document.root, way)
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return valueOffset(document, way)
  const { start, end } = node.span
  const raw = document.text.slice(start, end)
  if (node.style === 'plain' && raw === node.value) return start + within
  if (node.style === 'quoted' && raw.slice(1, -1) === node.value) return start + 1 + within
  if (node.style === 'block') {
    // The header is the first line; what follows is the value, indented.
    const line = node.value.slice(0, within).split('\n').length
    const lines = raw.split('\n')
    const shown = lines[line]
    const wanted = node.value.split('\n')[line - 1]
    if (shown !== undefined && wanted !== undefined && shown.trimEnd().endsWith(wanted.trimEnd())) {
      const indent = shown.length - shown.trimStart().length
      const before = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0)
      const column = within - (node.value.lastIndexOf('\n', within - 1) + 1)
      return start + before + indent + column
    }
  }
  return start
}

/** Line and column, both from 1. */
function placeOf(document: Document, offset: number): { line: number; column: number } {
  const { lineStarts } = document
  let low = 0
  let high = lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lineStarts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 }
}

/** `file:line:column`. */
export function placeText(document: Document, offset: number): string {
  const { line, column } = placeOf(document, offset)
  return `${document.file}:${line}:${column}`
}

export interface Said {
  message: string
  hint?: string | undefined
  level?: 'error' | 'warning'
}

/** A problem at a place of a file, with the line as it stands there. */
export function problemAt(document: Document, offset: number, said: Said): Problem {
  const { line, column } = placeOf(document, offset)
  const start = document.lineStarts[line - 1] ?? 0
  const end = document.lineStarts[line] ?? document.text.length + 1
  const { message, hint, level } = said
  return {
    file: document.file,
    line,
    column,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(level === undefined ? {} : { level }),
    source: visible(document.text.slice(start, end).replace(/\r?\n$/, '')),
  }
}

/** What a terminal would act upon instead of showing it. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (char) => (char === '\t' ? char : '\ufffd'))
}

/** Offsets of the first character of each line. */
export function lineStartsOf(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
