// Asks what is below HTTP: whether a port listens, how long a certificate lasts, what a name leads to.
import { Resolver } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { isIP, connect as connectTcp } from 'node:net'
import { connect as connectTls, rootCertificates } from 'node:tls'

/**
 * @typedef {{ host: string, port: number, ca: string }} Tls
 * @typedef {{ host: string, port: number }} Port
 * @typedef {{ name: string, type: string, values: string, server: string }} Dns
 */

const WAIT_MS = 5000

/** @param {unknown} error */
const codeOf = (error) =>
  String(
    /** @type {{ code?: unknown } | null} */ (error)?.code ??
      (error instanceof Error ? error.message : error),
  )

/** @param {Tls} wanted @returns {Promise<Record<string, unknown>>} */
function tls({ host, port, ca }) {
  const trusted = ca === '' ? {} : { ca: [...rootCertificates, readFileSync(ca, 'utf8')] }
  // An address is no name that a server could be asked for.
  const named = isIP(host) === 0 ? { servername: host } : {}
  return new Promise((resolve, reject) => {
    // What is not trusted is looked at all the same: that is the finding.
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...trusted, ...named })
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('no answer in time')))
    socket.on('error', (error) =>
      reject(new Error(`no TLS with ${host}:${port}: ${codeOf(error)}`)),
    )
    socket.on('secureConnect', () => {
      const until = Date.parse(socket.getPeerCertificate().valid_to)
      resolve({
        trusted: socket.authorized,
        why: socket.authorized ? '' : codeOf(socket.authorizationError),
        days_left: Math.floor((until - Date.now()) / 86_400_000),
        until: new Date(until).toISOString(),
        version: socket.getProtocol(),
      })
      socket.destroy()
    })
  })
}

/** @param {Port} wanted @returns {Promise<Record<string, unknown>>} */
function port({ host, port }) {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port })
    /** @param {string} state */
    const end = (state) => {
      resolve({ state })
      socket.destroy()
    }
    socket.setTimeout(WAIT_MS, () => end('no answer'))
    socket.on('connect', () => end('open'))
    socket.on('error', (error) => {
      const code = codeOf(error)
      if (code === 'ECONNREFUSED') end('refused')
      else if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) end('no answer')
      else reject(new Error(`${host}:${port}: ${code}`))
    })
  })
}

/** @param {string} name */
const plain = (name) => name.toLowerCase().replace(/\.$/, '')

/** @param {Dns} wanted */
async function dns({ name, type, values, server }) {
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  if (server !== '') resolver.setServers([server])
  /** @type {string[]} */
  let found = []
  try {
    const answer = await resolver.resolve(name, type)
    found = /** @type {unknown[]} */ (answer).map((one) =>
      plain(
        typeof one === 'string' ? one : String(/** @type {{ exchange: string }} */ (one).exchange),
      ),
    )
  } catch (error) {
    // "There is none" is an answer; silence is none.
    const code = codeOf(error)
    if (code !== 'ENOTFOUND' && code !== 'ENODATA')
      throw new Error(`${name}: ${code}`, { cause: error })
  }
  const wanted = values
    .split(/\s+/)
    .filter((one) => one !== '')
    .map(plain)
  return {
    found: found.sort(),
    missing: wanted.filter((one) => !found.includes(one)),
    others: wanted.length === 0 ? [] : found.filter((one) => !wanted.includes(one)),
  }
}

const QUESTIONS = { tls, port, dns }

/** @param {{ do: keyof typeof QUESTIONS } & Tls & Port & Dns} args */
export default async (args) => {
  try {
    const found = await QUESTIONS[args.do](args)
    return found
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
