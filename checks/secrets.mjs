// Environment files and secrets, judged. What is returned has names and figures, never values.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * @typedef {{ file: string, expects: string, database: string }} Complete
 * @typedef {{ value: string, at_least: number, bits: number }} Strength
 * @typedef {{ file: string, names: string, values: string, other_file: string }} Distinct
 * @typedef {{ value: string, files: string, processes: boolean }} Shown
 */

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== '')

// What examples, tests and defaults use, and what repeats itself.
const KNOWN =
  /change.?(me|this|in.?prod)|your[-_ ].*(secret|password|key|token)|super.?secret|minimum.?\d+.?char|example|default|password|test.?secret|1234567|qwerty|^(.)\3+$|^(.{1,8})\4+$/i

/** The most bits that a value of these characters and this length can hold. @param {string} value */
function capacity(value) {
  const bare = value.replace(/=+$/, '')
  // A base64 text that happens to hold no + is still one of 64 characters.
  const kinds = [/^[0-9a-f]*$/i, /^[0-9a-z]*$/, /^[\w+/-]*$/].findIndex((kind) => kind.test(bare))
  return bare.length * Math.log2([16, 36, 64][kinds] ?? 94)
}

/** @param {Strength} wanted */
function strength({ value, at_least, bits }) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const c of value) counts.set(c, (counts.get(c) ?? 0) + 1)
  // Shannon's entropy of its characters, times its length: an upper bound, which
  // is enough to find what was typed by hand or repeats itself.
  let each = 0
  for (const n of counts.values()) each -= (n / value.length) * Math.log2(n / value.length)
  return {
    length: value.length,
    at_least,
    bits: Math.round(each * value.length * 10) / 10,
    capacity_bits: Math.floor(capacity(value)),
    wanted_bits: bits,
    known: KNOWN.test(value),
  }
}

/** @param {string} value */
const strong = (value) => {
  const { length, bits, known } = strength({ value, at_least: 32, bits: 0 })
  return length >= 32 && bits >= 100 && !known
}

// The port is left out: a database that moved to another port is still the same one.
/** @param {string} url */
const identity = (url) => {
  const at = new URL(url)
  return `${at.searchParams.get('host') ?? at.hostname} ${at.username} ${at.pathname}`
}

/** @param {string} value @param {string} [scheme] */
const isUrl = (value, scheme = '') => URL.canParse(value) && value.startsWith(scheme)

/** @type {Record<string, (value: string, database: string) => boolean>} */
const FORMS = {
  secret: (value) => value.length >= 32,
  strong,
  postgres: (value, database) =>
    /^postgres(ql)?:\/\//.test(value) && isUrl(value) && identity(value) === identity(database),
  redis: (value) => /^rediss?:\/\//.test(value) && isUrl(value),
  url: (value) => isUrl(value),
  https: (value) => isUrl(value, 'https://'),
  wss: (value) => isUrl(value, 'wss://'),
  origins: (value) =>
    value.split(',').every((one) => URL.canParse(one.trim()) && new URL(one).origin === one.trim()),
  integer: (value) => /^-?\d+$/.test(value),
  port: (value) => /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535,
  duration: (value) => /^\d+(ms|s|m|h|d|w)?$/.test(value),
  boolean: (value) => /^(true|false)$/.test(value),
  email: (value) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(value),
  text: (value) => value !== '',
}

/** What a form stands for: a word, `=value`, `>=number`, `<=number` or `a|b|c`. @param {string} form */
function formOf(form) {
  /** @param {(value: number) => boolean} fits @returns {(value: string, database: string) => boolean} */
  const number = (fits) => (value) => /^-?\d+(\.\d+)?$/.test(value) && fits(Number(value))
  const [, bound, limit = ''] = /^([<>])=(\d+(?:\.\d+)?)$/.exec(form) ?? []
  if (bound !== undefined)
    return number((value) => (bound === '>' ? value >= Number(limit) : value <= Number(limit)))
  if (form.startsWith('=')) return (/** @type {string} */ value) => value === form.slice(1)
  if (Object.hasOwn(FORMS, form)) return FORMS[form]
  const choices = form.split('|')
  return choices.length > 1 ? (/** @type {string} */ value) => choices.includes(value) : undefined
}

/** NAME=value lines as dotenv reads them; a name that is there twice is told. @param {string} text */
function envLines(text) {
  /** @type {Map<string, string>} */
  const values = new Map()
  /** @type {string[]} */
  const twice = []
  for (const line of text.split('\n')) {
    const [, name, rest] = /^\s*(?:export )?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? []
    if (name === undefined || rest === undefined) continue
    if (values.has(name)) twice.push(name)
    const inQuotes = /^\s*(["'])(.*?)\1\s*(?:#.*)?$/.exec(rest)
    values.set(name, inQuotes?.[2] ?? rest.replace(/(^|\s)#.*$/, '').trim())
  }
  return { values, twice }
}

/** @param {Complete} wanted */
function complete({ file, expects, database }) {
  // A form that is not one is a fault of the question.
  const wanted = words(expects).map((item) => {
    const at = item.indexOf(':')
    const fits = formOf(item.slice(at + 1))
    if (at < 1 || fits === undefined) throw new Error(`not NAME:form: ${item}`)
    return { name: item.slice(0, at), fits }
  })
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    // No file is an answer; a file that may not be read is not.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
    return { there: false, private: false, missing: [], malformed: [], names: [] }
  }
  const { values, twice } = envLines(text)
  /** @type {string[]} */
  const missing = []
  const malformed = [...twice]
  for (const { name, fits } of wanted) {
    const value = values.get(name)
    if (value === undefined) missing.push(name)
    else if (!fits(value, database)) malformed.push(name)
  }
  return {
    there: true,
    private: (statSync(file).mode & 0o077) === 0,
    missing,
    malformed,
    names: [...values.keys()].sort(),
  }
}

/** The secret part of a value: of a URL its password. @param {string} value */
function secretPart(value) {
  const password = URL.canParse(value) ? new URL(value).password : ''
  return password === '' ? value : decodeURIComponent(password)
}

/** @param {Distinct} wanted */
function distinct({ file, names, values, other_file }) {
  /** @param {string} path @returns {[string, string][]} */
  const read = (path) => {
    const { values: found } = envLines(readFileSync(path, 'utf8'))
    return words(names).flatMap((name) => {
      const value = found.get(name)
      return value === undefined || value === '' ? [] : [[`${name} of ${path}`, secretPart(value)]]
    })
  }
  const own = file === '' ? [] : read(file)
  const given = words(values).map((value, i) => [`value ${i + 1}`, secretPart(value)])
  const others = other_file === '' ? [] : read(other_file)
  const all = /** @type {[string, string][]} */ ([...own, ...given, ...others])
  if (all.length < 2) throw new Error('there are no two secrets to compare')
  const equal = all.flatMap(([name, value], i) =>
    all.slice(i + 1).flatMap(([other, same]) => (value === same ? [`${name} = ${other}`] : [])),
  )
  return { compared: all.length, missing: words(names).length * (file ? 1 : 0) - own.length, equal }
}

/** The command lines of the processes of this machine that may be read. */
function commandLines() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ place: `process ${pid}`, text: readFileSync(`/proc/${pid}/cmdline`, 'latin1') }]
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

/** @param {Shown} wanted */
async function shown({ value, files, processes }) {
  if (value.length < 6) throw new Error('so short a secret stands anywhere by chance')
  const { glob } = await import('zx')
  const paths = (
    await Promise.all(
      words(files).map(async (one) => {
        const found = await glob(one, { dot: true })
        if (found.length === 0) throw new Error(`there is no file ${one}`)
        return found
      }),
    )
  ).flat()
  if (paths.length === 0 && !processes) throw new Error('there is nothing to look at')
  // Bytes, not text: a log may hold anything. Encoded it is a secret still.
  const shapes = [value, encodeURIComponent(value), Buffer.from(value).toString('base64')]
  const texts = paths.map((path) => ({ place: path, text: readFileSync(resolve(path), 'latin1') }))
  const all = [...texts, ...(processes ? commandLines() : [])]
  const bytes = shapes.map((shape) => Buffer.from(shape).toString('latin1'))
  const found = all.filter(({ text }) => bytes.some((shape) => text.includes(shape)))
  return { looked_at: all.length, found: found.map(({ place }) => place) }
}

const QUESTIONS = { complete, strength, distinct, shown }

/** @param {{ do: keyof typeof QUESTIONS } & Complete & Strength & Distinct & Shown} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do](args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
