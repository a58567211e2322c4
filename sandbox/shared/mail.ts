// A sandbox's mail server: what a deployment tells people, kept in inbox.jsonl.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'
import { reader } from './kit/env.ts'

const given = reader(process.env)
const file = join(given.text('RUNBOOK_SERVICE_DIR'), 'inbox.jsonl')

new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, session, done) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const to = session.envelope.rcptTo.map(({ address }) => address)
      const mail = { to, text: Buffer.concat(chunks).toString('utf8') }
      appendFileSync(file, `${JSON.stringify(mail)}\n`, { mode: 0o600 })
      done()
    })
  },
}).listen(given.whole('PORT', 25, 1, 65_535), '127.0.0.1')
