/** Channels, from the file's form to the core's. */
import type { Channel, MailServer } from '../core/runbook.ts'
import { blame, blameKey, defined, type Reading } from './reading.ts'
import type { ChannelFile } from './schema.ts'
import type { Way } from './tree.ts'

const KINDS = ['webhook', 'slack', 'smtp', 'command'] as const

/** One channel; undefined, with a problem, when it is none or more than one. */
export function channelOf(reading: Reading, file: ChannelFile, way: Way): Channel | undefined {
  const [kind, second] = KINDS.filter((name) => file[name] !== undefined)
  if (kind === undefined) {
    const hint =
      'write one of: { webhook: URL }, { slack: URL }, { smtp: { … } }, { command: [mail, …] }'
    blame(reading, way, { message: 'this channel leads nowhere', hint })
    return undefined
  }
  if (second !== undefined) {
    const message = `a channel is of one kind, here are "${kind}" and "${second}"`
    blameKey(reading, [...way, second], { message, hint: 'make two channels of it' })
  }
  if (file.headers !== undefined && kind !== 'webhook') {
    blameKey(reading, [...way, 'headers'], { message: '"headers" belongs to "webhook"' })
  }
  const { webhook = '', slack = '', headers = {}, smtp, command = [] } = file
  if (kind === 'webhook') return { kind, url: webhook, headers }
  if (kind === 'slack') return { kind, url: slack }
  if (kind === 'command') return { kind, argv: command }
  return smtp && mailOf(reading, smtp, [...way, 'smtp'])
}

function mailOf(
  reading: Reading,
  file: NonNullable<ChannelFile['smtp']>,
  way: Way,
): Channel | undefined {
  const { url, host, port, user, password, from, to } = file
  if ((url === undefined) === (host === undefined)) {
    const hint = 'write url: smtp://host:587, or host: with port:, user: and password:'
    blame(reading, way, { message: 'a mail server is named by its url or by its host', hint })
    return undefined
  }
  for (const key of ['port', 'user', 'password'] as const) {
    if (url === undefined || file[key] === undefined) continue
    blameKey(reading, [...way, key], { message: `"${key}" stands beside "url", which has it` })
  }
  const server: MailServer =
    url === undefined ? { host: host ?? '', ...defined({ port, user, password }) } : { url }
  return { kind: 'smtp', server, from, to }
}
