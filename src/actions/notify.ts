/**
 * `notify`: tells people something through a channel of the environment. That a message could not be
 * sent is a warning and fails nothing; one that may have been sent is never sent again.
 */
import { utcNow } from '../lib/clock.ts'
import { textOf, isTemplateError } from '../core/templates.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import { sendThrough, type Message } from './channels.ts'
import { within } from './within.ts'

/** What Slack takes; who wants to send more sends a link. */
const MOST_CHARACTERS = 30_000

const TWICE = 'so it is not sent again'

function unsent(to: string, why: string): Outcome {
  return { fields: { at: '' }, notes: [`not sent to ${to}: ${why}`] }
}

/** One line, whatever is in it: a line break would begin another header. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

function messageOf(
  { text, subject }: { text: string; subject?: string },
  context: ActionContext,
): Message {
  const { about } = context
  // Who reads it may not be who may know a secret.
  const said = (template: string) => context.mask(textOf(context.resolve(template)))
  const whole = said(text)
  const cut = whole.length > MOST_CHARACTERS
  return {
    ...about,
    text: cut ? `${whole.slice(0, MOST_CHARACTERS).toWellFormed()}…` : whole,
    subject: oneLine(
      subject === undefined
        ? `${about.runbook} ${about.environment}: ${about.status}`
        : said(subject),
    ).slice(0, 200),
    titled: subject !== undefined,
  }
}

export const notify: Verb<'notify'> = {
  lost: {
    fields: { at: '' },
    notes: [
      `the tool died while a message was under way: whether it was sent is not known, ${TWICE}`,
    ],
  },

  async perform(action, context) {
    await context.gate()
    const { to } = action
    const channel = context.channel(to)
    if (channel === undefined) return unsent(to, `${context.about.environment} has no such channel`)
    const stop = new AbortController()
    try {
      const message = messageOf(action, context)
      const sent = await within(
        context,
        () => sendThrough(channel, message, context, stop.signal),
        () => stop.abort(),
      )
      if (!('late' in sent)) return { fields: { at: utcNow() } }
      const why = sent.late === 'timeout' ? 'no answer in time' : 'it was interrupted'
      const notes = [`${why}: whether it was sent to ${to} is not known, ${TWICE}`]
      return { fields: { at: '' }, notes }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const said = isTemplateError(error) ? `${error.expression}: ${why}` : why
      return unsent(to, context.mask(oneLine(said)))
    }
  },
}
