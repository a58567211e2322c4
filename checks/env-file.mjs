// Reads NAME=value lines and judges them. What it returns has names, never values.
import { readFileSync, statSync } from 'node:fs'

// The port is left out: a database that moved to another port is still the same one.
const identity = (url) => {
  const at = new URL(url)
  return `${at.searchParams.get('host') ?? at.hostname} ${at.username} ${at.pathname}`
}

const FORMS = {
  secret: (value) => value.length >= 32,
  postgres: (value, database) => /^postgres(ql)?:\/\//.test(value) && URL.canParse(value) && identity(value) === identity(database),
  url: (value) => URL.canParse(value),
  integer: (value) => /^-?\d+$/.test(value),
  text: (value) => value !== '',
}

export default async ({ file, expects, database }) => {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    // No file is an answer; a file that may not be read is not.
    if (error.code !== 'ENOENT') throw error
    return { there: false, private: false, missing: [], malformed: [], names: [] }
  }
  const values = new Map()
  const twice = []
  for (const line of text.split('\n')) {
    const match = /^(?:export )?([A-Za-z_]\w*)=(.*)$/.exec(line)
    if (match === null) continue
    if (values.has(match[1])) twice.push(match[1])
    values.set(match[1], match[2].replace(/^(["'])(.*)\1$/, '$2'))
  }
  const missing = []
  const malformed = [...twice]
  for (const item of expects.split(/\s+/).filter((i) => i !== '')) {
    const at = item.indexOf(':')
    const [name, form] = [item.slice(0, at), item.slice(at + 1)]
    if (at < 1 || (!form.startsWith('=') && !Object.hasOwn(FORMS, form))) throw new Error(`not NAME:form: ${item}`)
    const value = values.get(name)
    if (value === undefined) missing.push(name)
    else if (form.startsWith('=') ? value !== form.slice(1) : !FORMS[form](value, database)) malformed.push(name)
  }
  return { there: true, private: (statSync(file).mode & 0o077) === 0, missing, malformed, names: [...values.keys()].sort() }
}
