// Asks Redis by redis-cli. The password goes there in the environment, where no list of processes shows it.
import { $ } from 'zx/core'

/**
 * @typedef {{ do: string, url: string, password: string, ca: string }} Asked
 */

/** @param {Asked} asked @param {boolean} known whether the password is sent */
function caller({ url, password, ca }, known) {
  const at = URL.canParse(url) ? new URL(url) : undefined
  if (at === undefined || !['redis:', 'rediss:'].includes(at.protocol))
    throw new Error('the address is not one of Redis, such as redis://host:6379')
  const host = at.hostname.replace(/^\[|\]$/g, '')
  const user =
    known && at.username !== '' && at.password !== ''
      ? ['--user', decodeURIComponent(at.username)]
      : []
  const secure = at.protocol === 'rediss:' ? ['--tls', ...(ca === '' ? [] : ['--cacert', ca])] : []
  const to = ['-h', host, '-p', at.port || '6379', ...user, ...secure]
  const { REDISCLI_AUTH: _, ...env } = process.env
  const secret = password === '' ? decodeURIComponent(at.password) : password
  if (known && secret !== '') env['REDISCLI_AUTH'] = secret

  /** What Redis answers, or how it refuses. @param {string[]} command */
  return async (...command) => {
    const ran = await $({
      quiet: true,
      nothrow: true,
      env,
      timeout: '10s',
    })`redis-cli ${to} ${command}`
    const text = ran.stdout.trim()
    const said = ran.stderr.trim()
    if (ran.exitCode === null) throw new Error('redis-cli got no answer in time')
    if (ran.exitCode === 126 || ran.exitCode === 127) throw new Error('redis-cli is not there')
    // It says that a password is wrong, and then goes on without.
    const wrong = /AUTH failed: (.*)/.exec(said)?.[1]
    if (wrong !== undefined) return { text: wrong, refused: true }
    if (ran.exitCode !== 0 && text === '')
      throw new Error(said.split('\n')[0] ?? 'redis-cli failed')
    // An error of Redis is a word in capitals and what it means.
    return {
      text,
      refused: /^(ERR|NOAUTH|NOPERM|WRONGPASS|DENIED|LOADING|MASTERDOWN|MISCONF)\b/.test(text),
    }
  }
}

/** The values of INFO. @param {Asked} asked @param {string} section */
async function info(asked, section) {
  const { text, refused } = await caller(asked, true)('INFO', section)
  if (refused) throw new Error(`Redis refuses: ${text.split('\n')[0]}`)
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'))
  /** @type {Record<string, string>} */
  const found = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  return found
}

/** @type {Record<string, (asked: Asked) => Promise<Record<string, unknown>>>} */
const QUESTIONS = {
  async ping(asked) {
    const { text } = await caller(asked, true)('PING')
    return { answer: text }
  },

  async refuses(asked) {
    const { text } = await caller(asked, false)('PING')
    return { answer: text, required: text.startsWith('NOAUTH') }
  },

  async version(asked) {
    const { redis_version = '' } = await info(asked, 'server')
    const [major = 0, minor = 0] = redis_version.split('.').map(Number)
    return { version: redis_version, major, minor }
  },

  async memory(asked) {
    const {
      maxmemory = '0',
      maxmemory_policy = '',
      used_memory = '0',
    } = await info(asked, 'memory')
    return {
      most_mb: Number(maxmemory) / 2 ** 20,
      policy: maxmemory_policy,
      used_mb: Number(used_memory) / 2 ** 20,
    }
  },

  async persistence(asked) {
    const found = await info(asked, 'persistence')
    const { text, refused } = await caller(asked, true)('CONFIG', 'GET', 'save')
    if (refused) throw new Error(`Redis refuses: ${text}`)
    const [, save = ''] = text.split('\n')
    const saved = Number(found['rdb_last_save_time'] ?? 0)
    return {
      rdb: save.trim() !== '',
      rdb_ok: found['rdb_last_bgsave_status'] === 'ok',
      aof: found['aof_enabled'] === '1',
      aof_ok:
        found['aof_last_write_status'] === 'ok' && found['aof_last_bgrewrite_status'] === 'ok',
      saved_minutes: Math.floor((Date.now() / 1000 - saved) / 60),
    }
  },
}

/** @param {Asked} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do]?.(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
