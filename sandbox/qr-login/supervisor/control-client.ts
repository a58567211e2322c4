// The other end of control.ts.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Address {
  port: number
  word: string
  pid: number
  app: string
}

export interface Status {
  state: 'active' | 'inactive' | 'failed'
  pid: number | null
}

export function readAddress(dir: string): Address | undefined {
  const file = join(dir, 'control.json')
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Address
  } catch {
    return undefined
  }
}

export async function askSupervisor(
  address: Address,
  act: 'status' | 'start' | 'stop' | 'restart' | 'quit',
  ms = 30_000,
): Promise<Status> {
  const answer = await fetch(`http://127.0.0.1:${address.port}/${act}`, {
    method: act === 'status' ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${address.word}` },
    signal: AbortSignal.timeout(ms),
  })
  if (!answer.ok) throw new Error(`the supervisor answered ${answer.status}`)
  return (await answer.json()) as Status
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Ends a supervisor that a killed command left behind in this folder. Its release goes with it. */
export async function endOldSupervisor(dir: string): Promise<void> {
  const old = readAddress(dir)
  if (old === undefined || old.pid === process.pid) return
  // Only who knows the word is asked: a process that merely has that number is not ours.
  const answered = await askSupervisor(old, 'quit', 5_000).then(
    () => true,
    () => false,
  )
  for (let i = 0; answered && i < 100 && alive(old.pid); i++) await sleep(50)
}
