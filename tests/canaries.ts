/** Looks for secrets where none may be: raw, and in every shape in which one turns up. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { unseal } from '../src/core/secrets.ts'
import { loadKey } from '../src/engine/key.ts'

/** Raw, hex, percent-encoded, and what base64 makes of it wherever it is embedded. */
function shapesOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret)
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(2)]).toString('base64')
    const inner = text.slice(4, 4 + 4 * Math.floor((bytes.length - 3) / 3))
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const hex = bytes.toString('hex')
  const texts = [secret, hex, hex.toUpperCase(), encodeURIComponent(secret), ...inBase64]
  return [...new Set(texts)].map((text) => Buffer.from(text))
}

/** Every secret by its name; those found in some bytes. */
export function finder(secrets: ReadonlyMap<string, string>): (where: Buffer | string) => string[] {
  const shapes = [...secrets].map(([name, secret]) => [name, shapesOf(secret)] as const)
  return (where) => {
    const bytes = Buffer.from(where)
    return shapes.flatMap(([name, all]) => (all.some((s) => bytes.includes(s)) ? [name] : []))
  }
}

/** Every secret output in the journal, opened with the key. */
export function sealedOutputs(root: string): [string, string][] {
  const key = loadKey(root)
  const journal = new DatabaseSync(join(root, '.runbook/journal.db'), { readOnly: true })
  const tables = journal.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const texts = tables.flatMap(({ name }) =>
    journal
      .prepare(`SELECT * FROM "${String(name)}"`)
      .all()
      .flatMap((row) => Object.values(row)),
  )
  journal.close()
  return texts.flatMap((text) =>
    [...String(text).matchAll(/"(\w+)":\{"sealed":"([^"]+)"/g)].map(
      ([, name = '', sealed = '']) => {
        const clear: unknown = JSON.parse(unseal(key, sealed))
        return [`output ${name}`, String(clear)] as [string, string]
      },
    ),
  )
}

/** Every file below a folder, but for what `leave` says of its path from there. */
export function filesUnder(
  folder: string,
  leave: (path: string) => boolean = () => false,
): string[] {
  const walk = (under: string): string[] =>
    readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
      const path = join(under, entry.name)
      if (leave(path)) return []
      if (entry.isDirectory()) return walk(path)
      return entry.isFile() ? [path] : []
    })
  return walk('.')
}

/** As long as a command line can be. */
const line = Buffer.alloc(2 * 1024 * 1024)

function commandLine(process: string): string {
  const file = openSync(`/proc/${process}/cmdline`, 'r')
  try {
    return line.toString('latin1', 0, readSync(file, line))
  } finally {
    closeSync(file)
  }
}

/** The command lines of all processes, looked at again and again; what anybody on a machine can see. */
export function watchProcesses(every_ms = 20): { stop: () => Promise<string> } {
  const seen = new Set<string>()
  const since = new Map<string, number>()
  let on = true
  // The number of the newest process is its last word: none began where that is the same.
  const newest = () => readFileSync('/proc/loadavg', 'utf8').trim().replace(/.* /, '')
  const first = newest()
  let last = ''
  let lists = 0
  let names = new Set<string>()
  const watching = (async () => {
    while (on) {
      const now = newest()
      // Twice: a process is counted before it can be seen.
      if (now !== last) lists = 2
      last = now
      if (lists > 0) {
        lists -= 1
        names = new Set(readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
        // The number of one that has ended may come again.
        for (const name of since.keys()) if (!names.has(name)) since.delete(name)
      }
      const at = performance.now()
      for (const name of names) {
        // A process changes its command line when it begins, if ever.
        const began = since.get(name) ?? at
        since.set(name, began)
        if (at - began > 1300) continue
        try {
          seen.add(commandLine(name))
        } catch {
          // It has ended meanwhile.
        }
      }
      await sleep(every_ms)
    }
  })()
  return {
    stop: async () => {
      on = false
      await watching
      if (newest() === first) throw new Error('no process began while they were watched')
      return [...seen].join('\n')
    },
  }
}

/** Whether a text was in some command line while something was done. */
export async function shownWhile(work: () => Promise<unknown>, text: string): Promise<boolean> {
  const watching = watchProcesses(5)
  await work()
  return (await watching.stop()).includes(text)
}
