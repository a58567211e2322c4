// People who use the vault all day: they log in, some with a second factor, and
// look at their items. Without them a watch over figures would watch nothing.
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeAt } from './app/src/accounts/totp.ts'
import { bucketOf } from './app/src/security/tracking.ts'
import { type Person, people } from './people.ts'

/** How many of a hundred passwords and codes are wrong. The file is there only while something is tried. */
interface Mood {
  wrong_passwords: number
  wrong_codes: number
}

const USUAL: Mood = { wrong_passwords: 0, wrong_codes: 0 }
const EVERY_MS = 100

// Those whom a rollout takes in up to 10 %, those whom it takes in up to 20 %, and so on. One
// of each tenth comes in turn: among any ten visits in a row, and so in every window of the
// figures that counts ten logins, are some of those whom a release fails.
const tenths = Array.from({ length: 10 }, (_, tenth) =>
  people.filter((person) => Math.floor(bucketOf(person.id) / 10) === tenth),
)

function visitorAt(turn: number): Person | undefined {
  // By threes: few visits in a row are already of both halves.
  const tenth = tenths[(turn * 3) % 10] ?? []
  return tenth[Math.floor(turn / 10) % tenth.length]
}

function moodFrom(file: string): Mood {
  if (!existsSync(file)) return USUAL
  try {
    return { ...USUAL, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<Mood>) }
  } catch {
    return USUAL
  }
}

/** True so many times of a hundred, evenly spread. */
function share(): (percent: number) => boolean {
  let owed = 0
  return (percent) => {
    owed += percent
    if (owed < 100) return false
    owed -= 100
    return true
  }
}

/**
 * Goes on until the process ends. What does not succeed the application counts; people come again.
 * @param url the vault
 * @param moodFile tells of a mood other than the usual one, as JSON
 */
export async function startTraffic(url: string, moodFile: string): Promise<never> {
  const [password, code] = [share(), share()]
  const agent = new Agent({ keepAlive: true })

  async function ask(path: string, body?: object, session?: string) {
    const asked = request(url + path, {
      agent,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
      },
      timeout: 5_000,
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => undefined)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return (await json(answer)) as Record<string, string>
  }

  async function visit(person: Person, mood: Mood): Promise<void> {
    const given = password(mood.wrong_passwords) ? 'not-the-password' : person.password
    let { session, ticket } = await ask('/api/login', { email: person.email, password: given })
    if (ticket !== undefined && person.secret !== null) {
      const right = codeAt(person.secret, new Date())
      const typed = code(mood.wrong_codes) ? String((Number(right) + 1) % 1_000_000) : right
      const second = { ticket, code: typed.padStart(6, '0') }
      session = (await ask('/api/login/second-factor', second))['session']
    }
    if (session === undefined) return
    await ask('/api/items', undefined, session)
  }

  for (let turn = 0; ; turn++) {
    const person = visitorAt(turn)
    if (person !== undefined) void visit(person, moodFrom(moodFile)).catch(() => undefined)
    await sleep(EVERY_MS)
  }
}
