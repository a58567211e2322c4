/** Reading JSON that others wrote. */

/** Longer than this, a whole number may not fit into a double. */
const LONG_NUMBER = /\d{16}/

/** The value of a JSON text; undefined when it is none. Whole numbers too large for a double are BigInt. */
export function parseJson(text: string): unknown {
  // Most output is not JSON, and a thrown error costs more than a look at the first character.
  if (!/^\s*["{[\-\dtfn]/.test(text)) return undefined
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, exact) : JSON.parse(text)
  } catch {
    return undefined
  }
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}
