// Reads NAME=value lines and judges them. What it returns has names, never values.
import { readFileSync, statSync } from 'node:fs'

// The port is left out: a database that moved to another port is still the same one.
/** @param {string} url */
const identity = (url) => {
  const at = new URL(url)
  return `${at.searchParams.get('host') ?? at.hostname} ${at.username} ${at.pathname}`
}

/** @type {Record<string, (value: string, database: string) => boolean>} */
const FORMS = {
  secret: (value) => value.length >= 32,
  postgres: (value, database) =>
    /^postgres(ql)?:\/\//.test(value) &&
    URL.canParse(value) &&
    identity(value) === identity(database),
  url: (value) => URL.canParse(value),
  integer: (value) => /^-?\d+$/.test(value),
  text: (value) => value !== '',
}

/** @param {{ file: string, expects: string, database: string }} args */
export default async ({ file, expects, database }) => {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    // No file is an answer; a file that may not be read is not.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
    return { there: false, private: false, missing: [], malformed: [], names: [] }
  }
  /** @type {Map<string, string>} */
  const values = new Map()
  /** @type {string[]} */
  const twice = []
  for (const line of text.split('\n')) {
    const match = /^(?:export )?([A-Za-z_]\w*)=(.*)$/.exec(line)
    const [, name, value] = match ?? []
    if (name === undefined || value === undefined) continue
    if (values.has(name)) twice.push(name)
    values.set(name, value.replace(/^(["'])(.*)\1$/, '$2'))
  }
  /** @type {string[]} */
  const missing = []
  const malformed = [...twice]
  for (const item of expects.split(/\s+/).filter((i) => i !== '')) {
    const at = item.indexOf(':')
    const [name, form] = [item.slice(0, at), item.slice(at + 1)]
    const fits = form.startsWith('=')
      ? (/** @type {string} */ found) => found === form.slice(1)
      : Object.hasOwn(FORMS, form)
        ? FORMS[form]
        : undefined
    if (at < 1 || fits === undefined) throw new Error(`not NAME:form: ${item}`)
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
