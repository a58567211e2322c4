/** Text as one word of a command line, so that a command that is shown can be copied as it stands. */
export function shellWord(text: string): string {
  return /^[\w.@/:=,…+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
