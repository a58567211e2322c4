/** Rules for channels and for the messages that go through them: no secret where many can read it. */
import { hasTemplate } from '../core/templates.ts'
import { didYouMean } from '../core/problems.ts'
import { blame, blameKey, type Reading } from './reading.ts'
import { blameInside, lintTemplates, secretIn, type Lint, type View } from './lint-texts.ts'
import type { ChannelFile, RunbookFile, StepFile } from './schema.ts'
import type { Way } from './tree.ts'

/** Checks the channels of one environment; `view` is what their templates may see. */
export function lintChannels(
  lint: Lint,
  way: Way,
  file: RunbookFile['environments'][string],
  view: View,
): void {
  for (const [name, channel] of Object.entries(file.channels ?? {})) {
    const here: Way = [...way, 'channels', name]
    lintTemplates(lint, here, channel, view)
    for (const key of ['webhook', 'slack'] as const) {
      const url = channel[key]
      if (url === undefined || /^(https?:\/\/|\$\{\{)/.test(url)) continue
      const hint = 'begin with http:// or https://, or with ${{ inputs.hook_url }}'
      blameInside(lint, [...here, key], 0, { message: 'a channel needs a whole URL', hint })
    }
    if (channel.smtp?.url !== undefined && !/^(smtps?:\/\/|\$\{\{)/.test(channel.smtp.url)) {
      const hint = 'begin with smtp:// or smtps://, or with ${{ inputs.mail_url }}'
      blame(lint.reading, [...here, 'smtp', 'url'], { message: 'this is no mail server', hint })
    }
    for (const [i, argument] of (channel.command ?? []).entries()) {
      const found = secretIn(lint, argument)
      if (found === undefined) continue
      blameInside(lint, [...here, 'command', i], found.offset, {
        message: `a command line is public: it would show the secret ${found.secret}`,
        hint: 'name the secret in secrets: of the step; the program reads it from its environment',
      })
    }
    if (file.protected === true) lintOpenSecrets(lint.reading, here, channel)
  }
}

/** What opens a channel must not stand in a file that everybody can read. */
function lintOpenSecrets(reading: Reading, way: Way, { slack, smtp }: ChannelFile): void {
  const hint = 'let it come from a secret input: "${{ inputs.name }}"'
  const open = (at: Way, what: string) => {
    blame(reading, at, { message: `${what} stands here for everybody to read`, hint })
  }
  if (slack !== undefined && !hasTemplate(slack))
    open([...way, 'slack'], "a Slack webhook's address, which is a secret,")
  if (smtp?.password !== undefined && !hasTemplate(smtp.password))
    open([...way, 'smtp', 'password'], "the mail server's password")
  if (smtp?.url !== undefined && /^smtps?:\/\/[^@/]*:(?!\$\{\{)[^@/]*@/.test(smtp.url))
    open([...way, 'smtp', 'url'], "the mail server's password")
}

/** What a step that notifies may have: it changes nothing, and a message that is lost fails nothing. */
export function lintNotify(lint: Lint, way: Way, file: StepFile): void {
  const { notify } = file
  if (notify === undefined) return
  const { reading, runbook } = lint
  const senseless = {
    effect: 'a message is sent once, and changes nothing',
    expect: 'a message that cannot be sent is a warning, and fails nothing',
    verify: 'a message that cannot be sent is a warning, and fails nothing',
    retry: 'a message is never sent twice',
    during: 'a message changes nothing that could be watched',
    skip_if_verified: 'a message has no check',
    rollback: 'there is nothing to undo',
    irreversible: 'there is nothing to undo',
  } as const
  for (const [key, why] of Object.entries(senseless)) {
    if (file[key as keyof typeof senseless] === undefined) continue
    const message = `"${key}" means nothing beside "notify": ${why}`
    blameKey(reading, [...way, key], { message, hint: 'remove it' })
  }
  for (const key of ['text', 'subject'] as const) {
    const found = secretIn(lint, notify[key] ?? '')
    if (found === undefined) continue
    blameInside(lint, [...way, 'notify', key], found.offset, {
      message: `a message is read by many: it would show the secret ${found.secret}`,
      hint: 'leave it out',
    })
  }
  const environments = Object.values(runbook.environments)
  const names = environments.flatMap(({ channels = {} }) => Object.keys(channels))
  const to: Way = [...way, 'notify', 'to']
  if (!names.includes(notify.to)) {
    const hint =
      didYouMean(notify.to, names) ??
      `declare it: environments: { prod: { channels: { ${notify.to}: { webhook: URL } } } }`
    blame(reading, to, { message: `there is no channel "${notify.to}" in any environment`, hint })
    return
  }
  for (const { name, channels = {}, protected: guarded } of environments) {
    if (!guarded || notify.to in channels) continue
    const message = `${name} has no channel "${notify.to}": nobody is told there`
    const hint = `declare it under environments.${name}.channels`
    blame(reading, to, { message, hint, level: 'warning' })
  }
}
