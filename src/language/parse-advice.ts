/** What a person should do about text that is no good YAML. */
import type { Said } from './tree.ts'

/** Characters that are not what they seem, or cannot be seen at all. */
export function badCharacter(text: string): (Said & { offset: number }) | undefined {
  const found =
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ufffd]|\r(?!\n)/.exec(
      text,
    )
  if (found === null) return undefined
  const offset = found.index
  const code = found[0].codePointAt(0) ?? 0
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  if (code === 0xfffd)
    return { offset, message: 'the file is not UTF-8 text', hint: 'save it as UTF-8' }
  if (code === 0x0d) {
    return {
      offset,
      message: 'a carriage return without a line feed',
      hint: 'use LF or CRLF line ends',
    }
  }
  if (code === 0xfeff)
    return { offset, message: 'a byte order mark in the middle of the text', hint: 'delete it' }
  if (code > 0x9f) {
    const message = `an invisible character that changes the direction of text (${name})`
    return { offset, message, hint: 'what is shown is not what would run: delete it' }
  }
  return {
    offset,
    message: `a control character (${name})`,
    hint: 'delete it, or write it as an escape in double quotes',
  }
}

/** Numbers whose text says something else than their value. */
export function numberFault(value: number, source: string): Said | undefined {
  if (!Number.isFinite(value)) {
    return {
      message: `${source} is no number that can be used here`,
      hint: `as text, quote it: "${source}"`,
    }
  }
  if (/^[-+]?0\d/.test(source)) {
    return {
      message: `${source} would be read as ${value}`,
      hint: `as text, quote it: "${source}"; as a number, write ${value}`,
    }
  }
  if (/^[-+]?\d+$/.test(source) && !Number.isSafeInteger(value)) {
    return {
      message: `${source} is too long for a number: digits would be lost`,
      hint: `quote it: "${source}"`,
    }
  }
  return undefined
}

const ADVICE: [RegExp, string, string?, 'opened'?][] = [
  [/^Nested mappings are not allowed/, 'a second ": " on one line', 'quote the text that holds ": ", or put the inner keys on lines of their own'],
  [/^Tabs are not allowed/, 'a tab in the indentation', 'indent with spaces'],
  [/^Map keys must be unique/, 'this key is already there', 'a key stands once in a map: remove one of the two'],
  [/^All (mapping|sequence) items must start/, 'the indentation fits neither the lines before nor the lines above them', 'items of one list or map start at the same column'],
  [/end with a ([\]}])$/, 'this bracket is not closed', 'add the closing "]" or "}"', 'opened'],
  [/^Missing closing (["'])quote/, 'this quoted text is not closed', 'add the closing quote', 'opened'],
  [/^Plain value cannot start with (?:reserved character|directive indicator character|block scalar indicator) (.)/, 'text cannot begin with this character', 'quote the text'],
  [/^Implicit (map )?keys need to be/, 'a ":" is missing', 'write key: value'],
  [/^Unresolved tag: (.*)/, 'this tag has no meaning here', 'write plain text, numbers, lists and maps; text that begins with "!" needs quotes'],
  [/^Invalid escape sequence (.*)/, 'this escape is not known', 'in double quotes a backslash is written \\\\; single quotes take it as it is'],
  [/^Unexpected \S+ at node end/, 'text after the end of the value', 'quote all of it, or check the indentation'],
  [/^Unexpected .*block-seq-ind/, 'a list begins on the line of its key', 'put "- " on a line of its own'],
  [/^Unexpected flow-(seq|map)-end/, 'a closing bracket too many', 'remove it'],
  [/^Block collections are not allowed within flow/, 'a comma is missing between two values', 'put "," between them; text that holds ": " needs quotes'],
  [/^Missing , /, 'a comma is missing between two values', 'put "," between them; text that holds "{", "[" or "," needs quotes'],
  [/^Unexpected , /, 'a comma too many'],
] // prettier-ignore

/** A syntax error in words, with what to do. `opened`: the place to show is where it was opened. */
export function syntaxAdvice(code: string, message: string): Said & { opened?: boolean } {
  for (const [form, said, hint, opened] of ADVICE) {
    if (form.test(message)) return { message: said, hint, opened: opened !== undefined }
  }
  return { message: `this is not YAML: ${message} (${code})` }
}
