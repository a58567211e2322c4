// Asks web servers for what one request of the verb `http` cannot say: several requests, or a finding
// that names what is missing.

/**
 * @typedef {{ url: string, present: string, absent: string, hsts_days: number }} Headers
 * @typedef {{ url: string, origins: string, foreign: string, method: string, credentials: boolean }} Cors
 * @typedef {{ url: string, limit: number, over: number, method: string, headers: string, body: string }} Limit
 * @typedef {{ url: string, path: string, compare: string, value: string, headers: string }} Json
 * @typedef {{ url: string, method: string, headers: string, body: string, field: string, weak: string }} Policy
 * @typedef {{ url: string, query: string, compare: string, value: number, headers: string }} Metrics
 * @typedef {{ status: number, headers: globalThis.Headers, text: string }} Answer
 */

const WAIT_MS = 10_000

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== '')

/** Lines of `name: value`. @param {string} text @returns {Record<string, string>} */
const headersOf = (text) =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const colon = line.indexOf(':')
        if (colon < 1) throw new Error('a header is not written as name: value')
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
      }),
  )

/** The innermost reason: fetch itself only says that it failed. @param {unknown} error @returns {string} */
function reason(error) {
  if (!(error instanceof Error)) return String(error)
  const { code } = /** @type {{ code?: unknown }} */ (error)
  if (error.cause !== undefined) return reason(error.cause)
  return typeof code === 'string' ? code : error.message
}

/** One request; no redirect is followed. @param {string} url @param {RequestInit} [more] @returns {Promise<Answer>} */
async function ask(url, more = {}) {
  const at = new URL(url)
  try {
    const response = await fetch(at, {
      redirect: 'manual',
      signal: AbortSignal.timeout(WAIT_MS),
      ...more,
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch (error) {
    // The address may carry what nobody should read.
    throw new Error(`no answer from ${at.origin}: ${reason(error)}`, { cause: error })
  }
}

/** @param {string} text @returns {{ json: boolean, value: unknown }} */
function parsed(text) {
  try {
    return { json: true, value: JSON.parse(text) }
  } catch {
    return { json: false, value: undefined }
  }
}

/** The body with its content type, which JSON has unless another one is given. @param {string} body @param {string} headers */
function sending(body, headers) {
  const given = headersOf(headers)
  if (body === '') return { headers: given }
  const type = parsed(body).json ? 'application/json' : 'application/x-www-form-urlencoded'
  return { headers: { 'content-type': type, ...given }, body }
}

/** @param {Headers} wanted */
async function headers({ url, present, absent, hsts_days }) {
  const { status, headers } = await ask(url)
  const missing = words(present).filter((item) => {
    const [, name = '', part = ''] = /^([^=]+)=?(.*)$/.exec(item) ?? []
    const value = headers.get(name)
    return value === null || !value.toLowerCase().includes(part.toLowerCase())
  })
  const shown = words(absent).filter((name) => headers.has(name))
  const age = /max-age=(\d+)/i.exec(headers.get('strict-transport-security') ?? '')?.[1] ?? 0
  return { status, missing, shown, hsts_days: Math.floor(Number(age) / 86_400), wanted: hsts_days }
}

/** @param {Cors} wanted */
async function cors({ url, origins, foreign, method, credentials }) {
  /** What a browser would be told. @param {string} origin */
  const told = async (origin) => {
    // A preflight asks with OPTIONS; a simple request just carries its origin.
    const more = method === '' ? {} : { 'access-control-request-method': method }
    const { headers } = await ask(url, {
      method: method === '' ? 'GET' : 'OPTIONS',
      headers: { origin, ...more },
    })
    const methods = (headers.get('access-control-allow-methods') ?? '').toUpperCase()
    // These three need no permission.
    const free = ['', 'GET', 'HEAD', 'POST'].includes(method)
    return {
      origin: headers.get('access-control-allow-origin') ?? '',
      method: free || methods === '*' || methods.split(/\s*,\s*/).includes(method),
      credentials: headers.get('access-control-allow-credentials') === 'true',
    }
  }
  /** @type {string[]} */
  const refused = []
  for (const origin of words(origins)) {
    const said = await told(origin)
    const allowed = said.origin === origin && said.method && (!credentials || said.credentials)
    if (!allowed) refused.push(origin)
  }
  // A page in a sandboxed frame has the origin null, and anybody can make one.
  /** @type {string[]} */
  const foreigners = []
  for (const origin of [...words(foreign), 'null'])
    if (['*', origin].includes((await told(origin)).origin)) foreigners.push(origin)
  return { refused, foreigners, asked: words(origins).length }
}

/** @param {Limit} wanted */
async function limit({ url, limit, over, method, headers, body }) {
  const request = { method, ...sending(body, headers) }
  /** @type {number[]} */
  const statuses = []
  const most = limit + over
  // A few at once, so that a limit of a hundred is reached within its minute; one by one at the edge.
  while (statuses.length < most && !statuses.includes(429)) {
    const width = Math.max(1, Math.min(10, limit - statuses.length))
    const answers = await Promise.all(Array.from({ length: width }, () => ask(url, request)))
    statuses.push(...answers.map(({ status }) => status))
  }
  const passed = statuses.filter((status) => status !== 429)
  if (passed.some((status) => status >= 500))
    throw new Error(`the server answers ${passed.find((status) => status >= 500)}`)
  return {
    limited: statuses.includes(429),
    sent: statuses.length,
    passed: passed.length,
    statuses: [...new Set(statuses)],
  }
}

/** @param {unknown} value @param {string} path */
function at(value, path) {
  let found = value
  for (const key of path.split(/[.[\]]+/).filter((part) => part !== '' && part !== '$')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = /** @type {Record<string, unknown>} */ (found)[key]
  }
  return found
}

/** @type {Record<string, (found: string, value: string) => boolean>} */
const COMPARED = {
  equals: (found, value) => found === value,
  differs: (found, value) => found !== value,
  contains: (found, value) => found.includes(value),
  'at-least': (found, value) => found.trim() !== '' && Number(found) >= Number(value),
  'at-most': (found, value) => found.trim() !== '' && Number(found) <= Number(value),
  exists: () => true,
}

/** @param {Json} wanted */
async function json({ url, path, compare, value, headers }) {
  const { status, text } = await ask(url, { headers: headersOf(headers) })
  const answer = parsed(text)
  const there = at(answer.value, path)
  const found = typeof there === 'string' ? there : (JSON.stringify(there) ?? '')
  if (compare.startsWith('at-') && !(value.trim() !== '' && Number.isFinite(Number(value))))
    throw new Error(`not a number to compare with: ${value}`)
  const is =
    compare === 'absent'
      ? there === undefined
      : there !== undefined && COMPARED[compare]?.(found, value) === true
  return { status, json: answer.json, there: there !== undefined, found: found.slice(0, 200), is }
}

/** @param {Policy} wanted */
async function policy({ url, method, headers, body, field, weak }) {
  const rest = parsed(body).value
  if (typeof rest !== 'object' || rest === null) throw new Error('the body is no JSON object')
  /** @type {number[]} */
  const accepted = []
  for (const [i, password] of words(weak).entries()) {
    const sent = JSON.stringify({ ...rest, [field]: password })
    const { status, text } = await ask(url, { method, ...sending(sent, headers) })
    if (status >= 200 && status < 300) accepted.push(i + 1)
    else if (status !== 400 && status !== 422)
      throw new Error(`the answer is ${status}: not what a refused password gets`)
    else if (!text.toLowerCase().includes(field.toLowerCase()))
      throw new Error(`it was refused, but the answer does not speak of ${field}`)
  }
  return { asked: words(weak).length, accepted }
}

/** @type {Record<string, (a: number, b: number) => boolean>} */
const FIGURES = {
  below: (a, b) => a < b,
  'at-most': (a, b) => a <= b,
  'at-least': (a, b) => a >= b,
  above: (a, b) => a > b,
  equal: (a, b) => a === b,
}

/** @param {Metrics} wanted */
async function metrics({ url, query, compare, value, headers }) {
  const address = `${url.replace(/\/+$/, '')}/api/v1/query`
  const { status, text } = await ask(address, {
    method: 'POST',
    headers: headersOf(headers),
    body: new URLSearchParams({ query }),
  })
  const answer = parsed(text).value
  if (at(answer, 'status') !== 'success') {
    const why = at(answer, 'error')
    throw new Error(`it answers ${status}${typeof why === 'string' ? `: ${why}` : ''}`)
  }
  const result = at(answer, 'data.result')
  const type = at(answer, 'data.resultType')
  // A scalar is [time, text], a vector a list of { metric, value: [time, text] }.
  const samples = type === 'scalar' ? [at(result, '1')] : type === 'vector' ? result : undefined
  if (!Array.isArray(samples)) throw new Error('the query gives no values of one moment')
  const values = samples.map((one) => Number(type === 'vector' ? at(one, 'value[1]') : one))
  if (values.length === 0) throw new Error('the query finds no series')
  if (values.some((one) => Number.isNaN(one))) throw new Error('the query gives NaN: no data yet')
  const outside = values.filter((one) => FIGURES[compare]?.(one, value) !== true)
  return { series: values.length, outside: outside.slice(0, 20), values: values.slice(0, 20) }
}

const QUESTIONS = { headers, cors, limit, json, policy, metrics }

/** @param {{ do: keyof typeof QUESTIONS } & Headers & Cors & Limit & Json & Policy & Metrics} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do](args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
