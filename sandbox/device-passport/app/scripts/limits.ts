// limits.ts login | api | public: how many requests of a minute are let through, and
// what the next one gets. The answer is JSON.
import { answerWith, login, needed, ownAddress, send, trialEmail } from './client.ts'

const api = needed('API_URL')
const from = ownAddress(api)
/** More than any of the limits: who is never refused has none. */
const PATIENCE = 150

const asks = {
  login: () => {
    const body = { email: `limit-${Date.now()}@device-passport.example`, password: 'Wrong-123' }
    return () => send('POST', `${api}/api/v1/auth/login`, { body, from })
  },
  api: async () => {
    const { accessToken } = await login(trialEmail(), needed('TRIAL_PASSWORD'))
    return () => send('GET', `${api}/api/v1/auth/me`, { token: String(accessToken), from })
  },
  public: () => () => send('GET', `${api}/api/v1/catalogue`, { from }),
}

const [, , kind = ''] = process.argv
if (!Object.hasOwn(asks, kind)) {
  process.stderr.write('usage: API_URL=… limits.ts login | api | public\n')
  process.exit(2)
}
const ask = await asks[kind as keyof typeof asks]()
let allowed = 0
let last = await ask()
while (last.status !== 429 && allowed < PATIENCE) {
  allowed += 1
  last = await ask()
}
answerWith({ allowed, then: last.status, wait_s: Number(last.headers['retry-after'] ?? 0) })
