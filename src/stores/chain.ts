/** The hash chain, one for every store: each event carries the SHA-256 of the text of the one before. */
import { EXIT, failure, type RunbookError } from '../core/errors.ts'
import type { Event, NewEvent } from '../core/events.ts'
import { sha256 } from '../core/plan.ts'

/** Where a run's chain ends: the next event's predecessor. */
export interface Tip {
  seq: number
  hash: string
}

export const ORIGIN: Tip = { seq: 0, hash: '0'.repeat(64) }

/** An event with its text as the journal keeps it; the hash is taken over exactly these bytes. */
export interface Link {
  event: Event
  text: string
}

/** Continues the chain. `at` is UTC, ISO 8601. */
export function link(
  run: string,
  tip: Tip,
  news: readonly NewEvent[],
  at: string,
): { links: Link[]; tip: Tip } {
  let { seq, hash } = tip
  const links = news.map((news): Link => {
    seq += 1
    const event = { seq, at, run, ...news, prev: hash }
    const text = JSON.stringify(event)
    hash = sha256(text)
    return { event, text }
  })
  return { links, tip: { seq, hash } }
}

/** The events of a run from their texts, in order. Throws exit 10 where the chain is broken. */
export function verifyChain(run: string, texts: readonly string[]): { events: Event[]; tip: Tip } {
  let { seq, hash } = ORIGIN
  const events = texts.map((text): Event => {
    seq += 1
    const event = parse(text)
    if (event?.seq !== seq || event.prev !== hash || event.run !== run) {
      throw broken(run, seq)
    }
    hash = sha256(text)
    return event
  })
  return { events, tip: { seq, hash } }
}

/** The error of a journal that is not what was written. */
export function broken(run: string, seq: number): RunbookError {
  return failure(
    EXIT.stale,
    `the journal of run ${run} is not what was written: its chain breaks at event ${seq}`,
    {
      hint: 'nothing was repaired and nothing will run; restore the journal from a backup. Other runs: runbook history',
    },
  )
}

function parse(text: string): Event | undefined {
  try {
    return JSON.parse(text) as Event
  } catch {
    return undefined
  }
}
