/** What bash itself says of the scripts, before any of them runs: a `fi` that is missing, a quote that is not closed. */
import { runCommand } from '../lib/processes.ts'
import type { Reading } from './reading.ts'
import { insideOffset, problemAt, type Document, type Way } from './tree.ts'

/** A script of an action, where it stands. */
export interface Script {
  text: string
  document: Document
  way: Way
}

/** Parses each argument and runs none; extended patterns are allowed, as a script may ask for them. */
const PARSE = `for script; do bash -O extglob -n -c "$script" 2>&1; printf '\\0'; done`

/** Longer ones cannot be given to a process. */
const LONGEST = 100_000

/** What bash said of scripts it has read: runbooks that are read together have many in common. */
const known = new Map<string, string>()

/** Notes what cannot be parsed. Where there is no bash, nothing is said. */
export async function judgeScripts({ scripts, problems }: Reading): Promise<void> {
  const texts = [...new Set(scripts.map(({ text }) => text))]
  await parse(texts.filter((text) => text.length <= LONGEST && !known.has(text)))
  for (const { text, document, way } of scripts) {
    const [, number, message] = /line (\d+): (.*)/.exec(known.get(text) ?? '') ?? []
    if (message === undefined) continue
    const lines = text.trimEnd().split('\n')
    const before = lines.slice(0, Math.min(Number(number), lines.length) - 1)
    const offset = before.reduce((sum, line) => sum + line.length + 1, 0)
    problems.push(
      problemAt(document, insideOffset(document, way, offset), {
        message: `bash cannot read this script: ${message}`,
        hint: 'nothing of it would run; the place is where bash gave up, the mistake may be above',
      }),
    )
  }
}

/** Remembers what bash says of each script, which is nothing when it is well. */
async function parse(scripts: string[]): Promise<void> {
  if (scripts.length === 0) return
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' }
  const { stdout } = await runCommand(['bash', '-c', PARSE, 'bash', ...scripts], { env })
  const said = stdout.split('\0')
  for (const [i, script] of scripts.entries()) known.set(script, said[i] ?? '')
}
