/** `load`: many HTTP requests, and how they were answered. */
import { EXIT, failure } from '../core/errors.ts'
import type { ActionContext, Verb } from './action.ts'
import { requestOf } from './http.ts'
import { within } from './within.ts'

const MOST_REQUESTS = 10_000_000
const MOST_CONNECTIONS = 10_000

function count(context: ActionContext, value: number | string, name: string, most: number): number {
  const number = Number(context.resolve(value))
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw failure(EXIT.usage, `${name} of a load must be a whole number from 1 to ${most}`)
  }
  return number
}

export const load: Verb<'load'> = {
  async perform(action, context) {
    const wanted = requestOf(action.http, context)
    const requests = count(context, action.requests, 'requests', MOST_REQUESTS)
    const connections = count(context, action.connections, 'connections', MOST_CONNECTIONS)
    await context.gate()
    // Node's http takes longer to read than all else that a command needs.
    const { load: send } = await import('../lib/load.ts')
    const stop = new AbortController()
    const progress = (done: number) => context.output(`${done} of ${requests} requests\n`)
    const sent = await within(
      context,
      () => send(wanted, { requests, connections, signal: stop.signal, progress }),
      () => stop.abort(),
    )
    // What was cut short measures nothing.
    if ('late' in sent || stop.signal.aborted) {
      const kind = 'late' in sent ? sent.late : 'timeout'
      const message = kind === 'timeout' ? 'it did not end in time' : 'it was interrupted'
      return { fields: {}, problem: { kind, message } }
    }
    const { figures, answered } = sent.value
    if (answered === 0) {
      return {
        fields: {},
        problem: { kind: 'cannot_tell', message: 'not one request was answered' },
      }
    }
    return { fields: { ...figures } }
  },
}
