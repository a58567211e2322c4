/** Addresses made of text and values: a value can fill a place in them, never change their shape. */
import { EXIT, failure } from '../core/errors.ts'
import { textOf, type Piece } from '../core/templates.ts'

/**
 * Joins the pieces of a URL. Values are percent-encoded, so that none adds a segment, a parameter
 * or a host, except one that stands first and is the base URL.
 */
export function joinUrl(pieces: Piece[]): string {
  const joined = join(pieces, encode)
  // Even as %2E a segment of one or two dots is a step in the path, and there is no other way to
  // write it.
  if (steps(joined) > steps(join(pieces, () => 'x'))) {
    throw failure(EXIT.usage, 'a value in the path of a URL is "." or "..", a step in the path')
  }
  return joined
}

function join(pieces: Piece[], fill: (value: string) => string): string {
  const parts = pieces.filter((piece) => !('text' in piece) || piece.text !== '')
  return parts
    .map((piece, index) => {
      if ('text' in piece) return piece.text
      const value = textOf(piece.value)
      if (index > 0) return fill(value)
      const next = parts[1]
      // http://host/ and /path make http://host/path.
      const follows = next !== undefined && 'text' in next && next.text.startsWith('/')
      return follows ? value.replace(/\/+$/, '') : value
    })
    .join('')
}

const encode = (value: string) => encodeURIComponent(value.toWellFormed())

function steps(url: string): number {
  const [path = ''] = url.split(/[?#]/)
  return path.split('/').filter((segment) => /^(\.|%2e){1,2}$/i.test(segment)).length
}
