/** The time, in the forms that records and file names want. */

/** UTC, ISO 8601. */
export function utcNow(): string {
  return new Date().toISOString()
}

/** UTC to the second, fit for a file's name, and in its own order: `20240501T101500Z`. */
export function utcStamp(date = new Date()): string {
  return `${date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}
