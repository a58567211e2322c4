// The people of the clinic, who log in one after the other all day, so that a watch over the
// figures watches something. They change nothing.
import { existsSync, readFileSync } from 'node:fs'
import { giveUp, logIn, openBrowser } from './app/scripts/browser.ts'
import { people } from './people.ts'

const EVERY_MS = 200

/** Of a hundred logins so many are given up. The file is there only while something is tried. */
function failing(moodFile: string): number {
  if (!existsSync(moodFile)) return 0
  try {
    const mood = JSON.parse(readFileSync(moodFile, 'utf8')) as { failing_logins?: number }
    return mood.failing_logins ?? 0
  } catch {
    return 0
  }
}

/** Until the process ends. What does not succeed is no concern of theirs. */
export function startTraffic(url: string, moodFile: string): void {
  const browsers = people.map(() => openBrowser())
  let [turn, owed] = [0, 0]
  setInterval(() => {
    turn = (turn + 1) % people.length
    const [person, browser] = [people[turn], browsers[turn]]
    if (person === undefined || browser === undefined) return
    owed += failing(moodFile)
    const no = owed >= 100
    if (no) owed -= 100
    const done = no
      ? giveUp(url, person.provider)
      : logIn(browser, url, person.provider, person.email)
    done.catch(() => undefined)
  }, EVERY_MS).unref()
}
