/** One call to a shell on another machine: what is sent to it, and what of its answer is meant for us. */
import { randomBytes } from 'node:crypto'
import { connect, giveUp, openShell } from './ssh.ts'

export interface Hearing {
  /** A line of the program's: its first word, and the others. */
  said: (word: string, rest: string[]) => void
  /** Output of what it follows. */
  shown: (name: 'out' | 'err', bytes: Buffer) => void
}

export interface Call {
  send(text: string): void
  /** Undefined when it said all it had to say; else ssh's words, since the connection was lost. */
  over: Promise<string | undefined>
  close(): void
}

/**
 * Runs one of the programs of far-shell.ts, with its fields. `why`, in ssh's own words: there is no
 * connection. Never throws.
 */
export async function call(
  destination: string,
  program: string,
  fields: readonly string[],
  hearing: Hearing,
): Promise<Call | { why: string }> {
  if (fields.some((field) => field.includes('\0')))
    return { why: 'a value holds a NUL, which no process can be given' }
  const connected = await connect(destination)
  if ('why' in connected) return connected
  const { socket } = connected
  const nonce = randomBytes(16).toString('hex')
  const channel = openShell(destination, socket)
  let told = false
  const over = new Promise<string | undefined>((resolve) => {
    const heard = marked(nonce, {
      ...hearing,
      said: (word, rest) => {
        if (word !== 'over') {
          hearing.said(word, rest)
          return
        }
        told = true
        channel.stdin.end()
        resolve(undefined)
      },
    })
    channel.stdout.on('data', heard)
    void channel.closed.then((words) => {
      if (!told) giveUp(destination, socket)
      resolve(told ? undefined : words)
    })
  })
  channel.stdin.write(`{ ${program}; exit 0; }\n`)
  channel.stdin.write([nonce, ...fields, ''].join('\0'))
  return {
    over,
    send: (text) => void channel.stdin.write(text),
    close: () => {
      told = true
      channel.close()
    },
  }
}

/** Cuts what comes into lines that begin with the nonce, and the output between them. */
export function marked(nonce: string, { said, shown }: Hearing): (chunk: Buffer) => void {
  const mark = Buffer.from(`${nonce} `)
  let rest = Buffer.alloc(0)
  let name: 'out' | 'err' | undefined
  const pass = (bytes: Buffer) => {
    if (name !== undefined && bytes.length > 0) shown(name, bytes)
  }
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const at = rest.indexOf(mark)
      const safe = at < 0 ? Math.max(0, rest.length - mark.length + 1) : at
      pass(rest.subarray(0, safe))
      rest = rest.subarray(safe)
      const end = rest.indexOf('\n')
      if (at < 0 || end < 0) return
      const [word = '', ...words] = rest.subarray(mark.length, end).toString().split(' ')
      rest = rest.subarray(end + 1)
      name = word === 'out' || word === 'err' ? word : undefined
      if (name === undefined) said(word, words)
    }
  }
}
