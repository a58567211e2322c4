/** Addresses made of text and values: a value can fill a place in them, never change their shape. */
import type { Piece } from '../core/templates.ts'

/**
 * Joins the pieces of a URL. Values are percent-encoded, so that none adds a segment, a parameter
 * or a host, except one that stands first and is the base URL.
 */
export function joinUrl(pieces: Piece[]): string {
  const parts = pieces.filter((piece) => !('text' in piece) || piece.text !== '')
  return parts
    .map((piece, index) => {
      if ('text' in piece) return piece.text
      const value = String(piece.value)
      if (index > 0) return encode(value)
      const next = parts[1]
      // http://host/ and /path make http://host/path.
      const joined = next !== undefined && 'text' in next && next.text.startsWith('/')
      return joined ? value.replace(/\/+$/, '') : value
    })
    .join('')
}

/** encodeURIComponent leaves `.` alone, and a segment `..` would climb out of its place. */
function encode(value: string): string {
  return /^\.{1,2}$/.test(value)
    ? value.replaceAll('.', '%2E')
    : encodeURIComponent(value.toWellFormed())
}
