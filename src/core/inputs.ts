/** A value for an input, from YAML or from text (an environment variable, `--var`), checked against its declaration. */
import { fits } from './patterns.ts'
import { didYouMean } from './problems.ts'
import type { Input, Value } from './runbook.ts'

/**
 * Converts and checks a value. `problem` is a sentence for people that begins with the input's name;
 * it never shows the value of a secret. A pattern that is none judges nothing: lint says so of itself.
 */
export function inputValue(
  name: string,
  input: Input,
  raw: unknown,
): { value: Value } | { problem: string } {
  const problem = (message: string): { problem: string } => ({ problem: `${name} ${message}` })
  const quoted = input.secret ? 'its value' : JSON.stringify(raw)
  const typed = convert(input, raw)
  if (typed === undefined) return problem(`must be ${WANTED[input.type]}; ${quoted} is not`)
  const text = String(typed)
  if (input.min_length !== undefined && [...text].length < input.min_length) {
    const length = input.secret ? '' : `, this one has ${[...text].length}`
    return problem(`must have at least ${input.min_length} characters${length}`)
  }
  if (input.enum !== undefined && !input.enum.includes(typed)) {
    const choices = input.enum.map(String)
    const near = input.secret ? undefined : didYouMean(text, choices)
    const choice = near ?? `expected one of: ${choices.join(', ')}`
    return problem(`cannot be ${input.secret ? 'this' : quoted}; ${choice}`)
  }
  if (input.pattern !== undefined && fits(input.pattern, text) === false) {
    return problem(`must match ${input.pattern}; ${quoted} does not`)
  }
  return { value: typed }
}

const WANTED = {
  string: 'text',
  url: 'a URL such as https://host/path',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
} as const

function convert({ type }: Input, raw: unknown): string | number | boolean | undefined {
  switch (type) {
    case 'string':
      return typeof raw === 'string' ? raw : undefined
    case 'url':
      return typeof raw === 'string' && isUrl(raw) ? raw : undefined
    case 'boolean':
      if (raw === 'true') return true
      if (raw === 'false') return false
      return typeof raw === 'boolean' ? raw : undefined
    case 'integer': {
      const number = asNumber(raw, /^[-+]?\d+$/)
      return Number.isSafeInteger(number) ? number : undefined
    }
    case 'number':
      return asNumber(raw, /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/)
  }
}

function asNumber(raw: unknown, form: RegExp): number | undefined {
  if (typeof raw === 'string' && form.test(raw)) raw = Number(raw)
  return typeof raw === 'number' && Number.isFinite(raw) ? raw : undefined
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !/\s/.test(text) && URL.canParse(text)
}
