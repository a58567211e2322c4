/** The ways to tell people something, each from a channel's templates to the wire. */
import type { Channel, MailServer } from '../core/runbook.ts'
import { textOf } from '../core/templates.ts'
import { lastLine } from '../lib/clean.ts'
import { request } from '../lib/http.ts'
import { runCommand } from '../lib/processes.ts'
import type { MailAddress, MailHost } from '../lib/smtp.ts'
import type { About, ActionContext } from './action.ts'
import { requestOf } from './http.ts'

/** What is to be told, and of which run. `titled`: somebody wrote the subject. */
export interface Message extends About {
  text: string
  /** One line. */
  subject: string
  titled: boolean
}

/** Sends it. Throws an error with the reason in words, without addresses, when it was not taken. */
export function sendThrough(
  channel: Channel,
  message: Message,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  switch (channel.kind) {
    case 'webhook': {
      const { text, subject, run, runbook, environment, status, step } = message
      const json = { text, subject, run, runbook, environment, status, step }
      return post(channel.url, channel.headers, json, context, signal)
    }
    case 'slack':
      return post(channel.url, {}, { text: slackText(message) }, context, signal)
    case 'smtp':
      return mail(channel, message, context, signal)
    case 'command':
      return command(channel.argv, message, context, signal)
  }
}

async function post(
  url: string,
  headers: Record<string, string>,
  json: Record<string, string>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const wanted = requestOf({ method: 'post', url, headers }, context)
  const typed = { 'content-type': 'application/json; charset=utf-8', ...wanted.headers }
  // The message is a value already: what looks like a template in it is none.
  const { status } = await request(
    { ...wanted, headers: typed, body: JSON.stringify(json) },
    signal,
  )
  if (status < 200 || status > 299) throw new Error(`it was answered with status ${status}`)
}

/** Slack takes these three signs for its own; nothing else is to be escaped. */
function slackText({ text, subject, titled }: Message): string {
  const escaped = (part: string) =>
    part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return titled ? `*${escaped(subject)}*\n${escaped(text)}` : escaped(text)
}

async function mail(
  channel: Extract<Channel, { kind: 'smtp' }>,
  { text, subject }: Message,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const fill = (template: string) => textOf(context.resolve(template))
  const host = hostOf(channel.server, fill)
  const from = addressOf(fill(channel.from))
  const to = channel.to.map((template) => addressOf(fill(template)))
  // The library is large, and most commands send no mail.
  const { sendMail } = await import('../lib/smtp.ts')
  await sendMail(host, { from, to, subject, text }, { signal, timeout_ms: context.timeout_ms })
}

function hostOf(server: MailServer, fill: (template: string) => string): MailHost {
  if ('host' in server) {
    const { user, password } = server
    const port = server.port === undefined ? 587 : Number(fill(String(server.port)))
    return {
      host: fill(server.host),
      port,
      secure: port === 465,
      ...(user !== undefined && { user: fill(user) }),
      ...(password !== undefined && { password: fill(password) }),
    }
  }
  const text = fill(server.url)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^smtps?:$/.test(url.protocol) || url.hostname === '')
    throw new Error('the address of the mail server is no smtp:// or smtps:// URL')
  const secure = url.protocol === 'smtps:'
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    ...(url.username !== '' && { user: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
  }
}

/** `ops@example.com` or `Ops <ops@example.com>`: one address, whatever value was filled in. */
function addressOf(text: string): MailAddress {
  const [, name = '', inner] = /^([^<>\p{Cc}]*)<([^<>]*)>$/u.exec(text.trim()) ?? []
  const address = inner ?? text.trim()
  if (!/^[^\s\p{Cc}<>(),:;"\\@[\]]+@[^\s\p{Cc}<>(),:;"\\@[\]]+$/u.test(address))
    throw new Error(`"${text.replaceAll(/\p{Cc}/gu, ' ')}" is no mail address`)
  return { name: name.trim(), address }
}

/** The text comes on standard input, and in variables: never as an argument, which all could read. */
async function command(
  argv: readonly string[],
  { text, subject, status }: Message,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const [file = '', ...args] = argv.map((part) => textOf(context.resolve(part)))
  const { code, stderr, problem } = await runCommand([file, ...args], {
    cwd: context.cwd,
    env: { ...context.env, RUNBOOK_SUBJECT: subject, RUNBOOK_TEXT: text, RUNBOOK_STATUS: status },
    input: `${text}\n`,
    timeout_ms: context.timeout_ms,
    interrupt: signal,
  })
  if (problem === 'missing') throw new Error(`${file} is not there`)
  if (code === 0) return
  const said = lastLine(context.mask(stderr)).trim()
  throw new Error(`${file} ended with exit code ${code}${said === '' ? '' : `: ${said}`}`)
}
