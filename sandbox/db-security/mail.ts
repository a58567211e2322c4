// The sandbox's mail server: what the deployment tells people, kept in inbox.jsonl.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'
import { needed } from '../shared/host/host.ts'

const file = join(needed('RUNBOOK_SERVICE_DIR'), 'inbox.jsonl')

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
}).listen(Number(needed('PORT')), '127.0.0.1')
