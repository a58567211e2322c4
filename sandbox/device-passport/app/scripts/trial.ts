// trial.ts account | weak | session | device | change: what people do with the system,
// once, as objects that carry the run's name. Sent twice it makes one. The answer is JSON.
import { codeOf } from '../packages/shared/src/passport.ts'
import { answerWith, login, needed, send, trialEmail, trialId } from './client.ts'

const api = `${needed('API_URL')}/api/v1`
const post = (path: string, body: unknown, token?: string) =>
  send('POST', api + path, { body, token })
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const asAdmin = async (): Promise<string> =>
  text((await login(needed('ADMIN_EMAIL'), needed('ADMIN_PASSWORD')))['accessToken'])
const asTrial = async (): Promise<string> =>
  text((await login(trialEmail(), needed('TRIAL_PASSWORD')))['accessToken'])

/** Seconds between the times in a token. */
function lifetime(token: string): number {
  const [, claims = ''] = token.split('.')
  const { iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
    iat: number
    exp: number
  }
  return exp - iat
}

/** A passport that no real device has: made by nobody, numbered by the run. */
function trialCode(): string {
  const digits = trialId('').replace(/\D/g, '')
  return codeOf({ maker: 'ZZZ', year: 2000, number: Number(BigInt(digits) % 100_000n) })
}

const trials: Record<string, () => Promise<Record<string, unknown>>> = {
  async account() {
    const given = { id: trialId('user'), email: trialEmail(), name: 'Trial', role: 'engineer' }
    const made = { ...given, password: needed('TRIAL_PASSWORD') }
    return { status: (await post('/users', made, await asAdmin())).status }
  },
  async weak() {
    const given = {
      email: `weak-${trialEmail()}`,
      name: 'Weak',
      role: 'viewer',
      password: 'short12',
    }
    return { status: (await post('/users', given, await asAdmin())).status }
  },
  async session() {
    const first = await login(trialEmail(), needed('TRIAL_PASSWORD'))
    const refreshToken = text(first['refreshToken'])
    const second = await post('/auth/refresh', { refreshToken })
    const again = await post('/auth/refresh', { refreshToken })
    const after = await post('/auth/refresh', { refreshToken: text(second.json['refreshToken']) })
    return {
      access_s: lifetime(text(first['accessToken'])),
      refresh_s: lifetime(refreshToken),
      rotated: second.status === 200 && second.json['refreshToken'] !== refreshToken,
      used_twice: again.status,
      after_that: after.status,
    }
  },
  async device() {
    const given = { id: trialId('device'), code: trialCode(), name: 'Trial device' }
    const { status } = await post('/devices', given, await asTrial())
    return { status, code: given.code }
  },
  async change() {
    const [path, token] = [`${api}/devices/${trialId('device')}`, await asTrial()]
    const { status } = await send('PATCH', path, { body: { status: 'in repair' }, token })
    const seen = await send('GET', path, { token })
    return { status, seen: seen.json['status'] ?? '' }
  },
}

const trial = trials[process.argv[2] ?? '']
if (trial === undefined) {
  process.stderr.write(`usage: trial.ts ${Object.keys(trials).join(' | ')}\n`)
  process.exit(2)
}
answerWith(await trial())
