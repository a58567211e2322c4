// The sandbox's gateway for text messages and mails, and the team's channel: what
// is sent there is kept, and can be read by who has the word.
//   POST /send           {to, text}, by the application
//   POST /team           {text}, as a chat's incoming webhook takes it
//   GET  /inbox?to=…     the messages to one address, the newest first
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { type IncomingMessage, createServer } from 'node:http'
import { join } from 'node:path'

interface Message {
  at: string
  to: string
  text: string
}

function needed(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

const file = join(needed('RUNBOOK_SERVICE_DIR'), 'inbox.jsonl')
const word = `Bearer ${needed('ADMIN_TOKEN')}`

function messages(): Message[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Message)
}

async function bodyOf(request: IncomingMessage): Promise<Partial<Message>> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Partial<Message>
}

async function answer(request: IncomingMessage): Promise<[number, unknown]> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const known = request.headers.authorization === word
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /-/ready':
      return [200, {}]
    case 'POST /send':
    case 'POST /team': {
      const team = url.pathname === '/team'
      // A chat's webhook address is its own credential.
      if (!known && !team) return [401, {}]
      const { to = 'team', text } = await bodyOf(request)
      if (text === undefined) return [400, { error: 'text is missing' }]
      const message = { at: new Date().toISOString(), to: team ? 'team' : to, text }
      appendFileSync(file, `${JSON.stringify(message)}\n`, { mode: 0o600 })
      return [200, { ok: true }]
    }
    case 'GET /inbox': {
      if (!known) return [401, {}]
      const to = url.searchParams.get('to')
      const found = messages().filter((message) => message.to === to)
      return [200, { messages: found.reverse() }]
    }
    default:
      return [404, {}]
  }
}

createServer((request, response) => {
  answer(request)
    .catch((): [number, unknown] => [400, { error: 'not understood' }])
    .then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
}).listen(Number(needed('PORT')), '127.0.0.1')
