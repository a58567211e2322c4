import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { notify } from '../../src/actions/notify.ts'
import type { Channel } from '../../src/core/runbook.ts'
import { context } from './context.ts'
import { certificate, hooks, postOffice, type Hooks, type Post } from './messages.ts'
import { freePort } from './postgres-server.ts'

// The machine may have much else to do.
vi.setConfig({ testTimeout: 60_000 })

/** Sends through one channel and gives what came of it. */
function tell(
  channel: Channel,
  message: { text: string; subject?: string },
  more: Parameters<typeof context>[1] & { inputs?: Record<string, unknown> } = {},
) {
  const at = context(more.inputs ?? {}, { channel: () => channel, ...more })
  return notify.perform({ verb: 'notify', to: 'team', ...message }, at)
}

/** Sent, and nothing to say about it. */
const SENT = { fields: { at: expect.stringMatching(/^\d{4}-/) as string } }
/** Not sent, for a reason in words; never a problem. */
const unsent = (why: string | RegExp) => ({
  fields: { at: '' },
  notes: [expect.stringMatching(why) as string],
})

describe('over HTTP', () => {
  let other: Hooks
  beforeEach(async () => {
    other = await hooks()
  })
  afterEach(() => other.close())

  const webhook = (path = '/hook', headers = {}): Channel => ({
    kind: 'webhook',
    url: `\${{ inputs.base }}${path}`,
    headers,
  })
  const slack: Channel = { kind: 'slack', url: '${{ inputs.base }}/services/T0/B0' }
  const inputs = () => ({ base: other.url, key: 'k1' })

  test('a webhook gets the message and whose it is, as JSON', async () => {
    const headers = { 'X-Key': '${{ inputs.key }}' }
    const sent = await tell(
      webhook('/hook', headers),
      { text: 'at ${{ inputs.key }}: "ü" \n{{' },
      {
        inputs: inputs(),
      },
    )
    expect(sent).toEqual(SENT)
    const [posted] = other.posted
    expect(posted).toMatchObject({ url: '/hook', headers: { 'x-key': 'k1' } })
    expect(posted?.headers['content-type']).toContain('application/json')
    expect(JSON.parse(posted?.body ?? '')).toEqual({
      text: 'at k1: "ü" \n{{',
      subject: 'sample test: running',
      run: 'r-1',
      runbook: 'sample',
      environment: 'test',
      status: 'running',
      step: 'tell',
    })
  })

  test('what looks like a template in a value is none', async () => {
    await tell(
      webhook(),
      { text: '${{ inputs.evil }}' },
      {
        inputs: { ...inputs(), evil: '${{ inputs.key }}' },
      },
    )
    expect(other.posted[0]?.body).toContain('${{ inputs.key }}')
  })

  test('Slack gets its text, with the three signs escaped that mean something to it', async () => {
    const sent = await tell(
      slack,
      { text: '<!channel> a & b > c *d* &lt;', subject: 'x <y>' },
      {
        inputs: inputs(),
      },
    )
    expect(sent).toEqual(SENT)
    expect(JSON.parse(other.posted[0]?.body ?? '')).toEqual({
      text: '*x &lt;y&gt;*\n&lt;!channel&gt; a &amp; b &gt; c *d* &amp;lt;',
    })
  })

  test('a server that refuses is a warning, which tells the status and not what it said', async () => {
    for (const status of [302, 403, 500]) {
      other.status = status
      expect(await tell(slack, { text: 'x' }, { inputs: inputs() })).toEqual(
        unsent(new RegExp(`^not sent to team: it was answered with status ${status}$`)),
      )
    }
  })

  test('one that does not answer is given up in time, and not asked again', async () => {
    other.status = 0
    const sent = await tell(webhook(), { text: 'x' }, { inputs: inputs(), timeout_ms: 150 })
    expect(sent).toEqual(unsent('no answer in time: whether it was sent to team is not known'))
    expect(other.posted).toHaveLength(1)
  })

  test('an interrupt ends it without a doubt', async () => {
    other.status = 0
    const stop = new AbortController()
    const sending = tell(webhook(), { text: 'x' }, { inputs: inputs(), interrupt: stop.signal })
    while (other.posted.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    stop.abort()
    expect(await sending).toEqual(unsent('it was interrupted: whether'))
  })

  test('one that is not there is a warning, which names no path', async () => {
    const base = `http://127.0.0.1:${await freePort()}/secret-path`
    const sent = await tell(webhook(), { text: 'x' }, { inputs: { base } })
    expect(sent).toEqual(unsent('the connection was refused'))
    expect(JSON.stringify(sent)).not.toContain('secret-path')
  })

  test('no such channel, no such value, no such address: each is a warning', async () => {
    const at = context({}, { channel: () => undefined })
    expect(await notify.perform({ verb: 'notify', to: 'team', text: 'x' }, at)).toEqual(
      unsent('test has no such channel'),
    )
    expect(at.gated).toEqual([undefined])
    expect(await tell(webhook(), { text: '${{ steps.a.b }}' }, { inputs: inputs() })).toEqual(
      unsent('steps.a.b'),
    )
    expect(await tell(webhook(), { text: 'x' }, { inputs: { base: 'ftp://x' } })).toEqual(
      unsent('not an http or https URL'),
    )
    const headers = { 'x-key': 'a\r\nx-more: b' }
    expect(await tell(webhook('/', headers), { text: 'x' }, { inputs: inputs() })).toEqual(
      unsent('x-key holds a line break'),
    )
    expect(other.posted).toEqual([])
  })

  test('secrets are hidden in what is sent, and a flood is cut', async () => {
    const mask = (text: string) => text.replaceAll('k1', '***(key)')
    await tell(webhook(), { text: 'x k1', subject: 'k1' }, { inputs: inputs(), mask })
    expect(JSON.parse(other.posted[0]?.body ?? '')).toMatchObject({
      text: 'x ***(key)',
      subject: '***(key)',
    })
    await tell(webhook(), { text: `${'x'.repeat(29_999)}😀${'y'.repeat(9)}` }, { inputs: inputs() })
    const { text } = JSON.parse(other.posted[1]?.body ?? '') as { text: string }
    expect(text).toHaveLength(30_001)
    expect(text.endsWith('�…')).toBe(true)
  })
})

describe('by mail', () => {
  let office: Post | undefined
  afterEach(async () => {
    await office?.close()
    office = undefined
  })

  const mail = (server: Extract<Channel, { kind: 'smtp' }>['server']): Channel => ({
    kind: 'smtp',
    server,
    from: 'Deployments <runbook@example.com>',
    to: ['ops@example.com', '${{ inputs.second }}'],
  })
  const inputs = { second: 'Second <two@example.com>', password: 's3same-open' }
  const { key, cert } = certificate()

  /** For this test the certificate is one that is known. */
  function trusted(): void {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, cert])
    onTestFinished(() => setDefaultCACertificates(before))
  }

  const header = (raw: string, name: string) =>
    new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(raw)?.[1]?.replaceAll(/\r\n\s+/g, ' ')

  test('a mail has its subject, its text and its receivers', async () => {
    office = await postOffice({ disabledCommands: ['STARTTLS', 'AUTH'] })
    const url = `smtp://127.0.0.1:${office.port}`
    const message = { text: 'All is well.\n.\nReally.', subject: 'It is done' }
    expect(await tell(mail({ url }), message, { inputs })).toEqual(SENT)
    const [got] = office.received
    expect(got).toMatchObject({
      from: 'runbook@example.com',
      to: ['ops@example.com', 'two@example.com'],
      secure: false,
    })
    expect(header(got?.raw ?? '', 'Subject')).toBe('It is done')
    expect(header(got?.raw ?? '', 'From')).toBe('Deployments <runbook@example.com>')
    expect(got?.raw).toContain('All is well.\r\n.\r\nReally.')
  })

  test('a line break begins no header, in the subject, the text or an address', async () => {
    office = await postOffice({ disabledCommands: ['STARTTLS', 'AUTH'] })
    const url = `smtp://127.0.0.1:${office.port}`
    const message = {
      text: 'Bcc: text@evil.example\r\n\r\nx\r\n.\r\nMAIL FROM:<x@evil.example>',
      subject: 'a\r\nBcc: subject@evil.example\u2028\r\n\r\nb',
    }
    expect(await tell(mail({ url }), message, { inputs })).toEqual(SENT)
    const [got] = office.received
    expect(office.received).toHaveLength(1)
    expect(got?.to).toEqual(['ops@example.com', 'two@example.com'])
    const [head = '', ...body] = (got?.raw ?? '').split('\r\n\r\n')
    expect(head).not.toMatch(/^bcc:/im)
    expect(header(head, 'Subject')).toBe('a Bcc: subject@evil.example b')
    expect(body.join('\r\n\r\n')).toContain('Bcc: text@evil.example')
    for (const second of [
      'a@x.example, b@evil.example',
      'a@x.example\r\nRCPT TO:<b@evil>',
      'a',
      '',
    ])
      expect(await tell(mail({ url }), message, { inputs: { second } })).toEqual(
        unsent('is no mail address'),
      )
    expect(office.received).toHaveLength(1)
  })

  test('TLS where the address says so, and the password goes over it', async () => {
    office = await postOffice({ secure: true, key, cert })
    trusted()
    const url = `smtps://ops:s3same%2Dopen@localhost:${office.port}`
    expect(await tell(mail({ url }), { text: 'x' }, { inputs })).toEqual(SENT)
    expect(office.received).toMatchObject([{ secure: true, user: 'ops' }])
    expect(header(office.received[0]?.raw ?? '', 'Subject')).toBe('sample test: running')
  })

  test('STARTTLS wherever it is offered', async () => {
    office = await postOffice({ key, cert })
    trusted()
    const server = {
      host: '127.0.0.1',
      port: String(office.port),
      user: 'ops',
      password: '${{ inputs.password }}',
    }
    expect(await tell(mail(server), { text: 'x' }, { inputs })).toEqual(SENT)
    expect(office.received).toMatchObject([{ secure: true, user: 'ops' }])
  })

  test('a password does not leave this machine in clear', async () => {
    office = await postOffice({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
    const server = { port: office.port, user: 'ops', password: '${{ inputs.password }}' }
    // The same machine by a name that does not say so.
    const far = await tell(mail({ host: '127.1', ...server }), { text: 'x' }, { inputs })
    expect(far).toEqual(unsent('no safe connection could be made'))
    expect(office.received).toEqual([])
    const near = await tell(mail({ host: '127.0.0.1', ...server }), { text: 'x' }, { inputs })
    expect(near).toEqual(SENT)
  })

  test('a certificate that nobody knows is not taken, and nothing is sent in clear instead', async () => {
    office = await postOffice({ key, cert })
    const server = { host: '127.0.0.1', port: office.port }
    expect(await tell(mail(server), { text: 'x' }, { inputs })).toEqual(
      unsent(`^not sent to team: 127.0.0.1:${office.port}: its certificate is self-signed$`),
    )
    expect(office.received).toEqual([])
  })

  test('a wrong password is a warning, which does not show what the server says of it', async () => {
    office = await postOffice({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
    const server = { host: '127.0.0.1', port: office.port, user: 'ops', password: 'wr0ng-sesame' }
    const sent = await tell(mail(server), { text: 'x' }, { inputs })
    expect(sent).toEqual(unsent('user and password were refused'))
    expect(JSON.stringify(sent)).not.toContain('wr0ng')
  })

  test('a server that refuses the receiver, is not there, or is no mail server', async () => {
    office = await postOffice({
      disabledCommands: ['STARTTLS', 'AUTH'],
      onRcptTo: ({ address }, _session, callback) =>
        callback(address.startsWith('two') ? new Error('nobody of that name') : null),
    })
    const at = (port: number) => mail({ host: '127.0.0.1', port })
    expect(await tell(at(office.port), { text: 'x' }, { inputs })).toEqual(
      unsent('refused 1 of its recipients'),
    )
    expect(await tell(at(await freePort()), { text: 'x' }, { inputs })).toEqual(
      unsent('the connection was refused'),
    )
    for (const url of ['http://localhost', 'smtp://', 'x'])
      expect(await tell(mail({ url }), { text: 'x' }, { inputs })).toEqual(
        unsent('no smtp:// or smtps:// URL'),
      )
  })

  test('one that never greets is given up in time', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const ended = new Promise((resolve) =>
      silent.on('connection', (socket) => {
        socket.on('error', () => undefined).on('close', resolve)
      }),
    )
    const sent = await tell(
      mail({ host: '127.0.0.1', port }),
      { text: 'x' },
      {
        inputs,
        timeout_ms: 200,
      },
    )
    expect(sent).toEqual(unsent('no answer in time'))
    // Nothing of it is left behind either.
    await ended
  })
})

describe('by a command', () => {
  const command = (...argv: string[]): Channel => ({ kind: 'command', argv })
  const script =
    'cat > in; printf "%s|%s" "$RUNBOOK_SUBJECT" "$RUNBOOK_TEXT" > env; echo "$@" > args'

  test('it gets the text on standard input and in variables, never as an argument', async () => {
    const at = context(
      { word: '$(touch pwned)' },
      { channel: () => command('bash', '-c', script, 'bash', '${{ inputs.word }}') },
    )
    const text = 'a `b` ${{ inputs.word }}\n-x'
    expect(await notify.perform({ verb: 'notify', to: 'team', text, subject: 's' }, at)).toEqual(
      SENT,
    )
    const file = (name: string) => readFileSync(join(at.root, name), 'utf8')
    expect(file('in')).toBe('a `b` $(touch pwned)\n-x\n')
    expect(file('env')).toBe('s|a `b` $(touch pwned)\n-x')
    expect(file('args')).toBe('$(touch pwned)\n')
    expect(existsSync(join(at.root, 'pwned'))).toBe(false)
  })

  test('one that fails, is not there, reads nothing, or does not end', async () => {
    const text = 'x'.repeat(30_000)
    expect(await tell(command('bash', '-c', 'echo why >&2; exit 3'), { text })).toEqual(
      unsent('bash ended with exit code 3: why'),
    )
    expect(await tell(command('no-such-command'), { text })).toEqual(
      unsent('no-such-command is not there'),
    )
    expect(await tell(command('true'), { text })).toEqual(SENT)
    expect(await tell(command('sleep', '77.125'), { text }, { timeout_ms: 200 })).toEqual(
      unsent('no answer in time'),
    )
  })
})
