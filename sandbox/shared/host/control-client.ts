// The other end of control.ts.
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Rollout, State } from './unit.ts'

export interface Address {
  port: number
  word: string
  pid: number
  /** Where the balancer answers. */
  app: string
}

/** What can be ordered. A unit is named by its id; see the unit's own functions for what happens. */
export type Order =
  | { act: 'status' | 'quit' }
  | { act: 'start' | 'stop'; unit: string }
  /** `drop`: one request is lost meanwhile, as by a restart that nobody prepared. */
  | { act: 'restart'; unit: string; release?: string; drop?: boolean }
  /** Comes back at once, unless it is to `wait`; how far it is, the unit's `rollout` says. */
  | { act: 'roll'; unit: string; release?: string; wait?: boolean; drop?: boolean }
  | { act: 'scale'; unit: string; replicas: number }
  /** Variables of a unit; null takes one away. They count from its next start. */
  | { act: 'env'; unit: string; set: Record<string, string | null> }
  | { act: 'maintenance'; on: boolean }

export interface UnitStatus {
  id: string
  name: string
  host: string | null
  /** The repository of its images, and the name of its container within a pod. */
  image: string
  container: string
  state: State
  rollout: Rollout
  /** The release that its link names; empty where there is none. */
  release: string
  replicas: number
  processes: { pid: number; release: string }[]
  env: Record<string, string>
  /** Its files in `logs/`, what it printed last. */
  logs: string[]
}

export interface Status {
  maintenance: boolean
  units: UnitStatus[]
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

/** What is sent: an order, by who knows the word. What comes back is the status, or an error. */
export interface Request {
  word: string
  order: Order
}

export type Answer = Status | { error: string }

/** Has something done and says how things are after it. What the host refuses is an error with its reason. */
export async function askHost({ port, word }: Address, order: Order, ms = 90_000): Promise<Status> {
  // Not by HTTP: that a stand-in would load for this alone takes longer than all else it does.
  const socket = connect(port, '127.0.0.1')
  const timer = setTimeout(() => socket.destroy(new Error('the host does not answer')), ms)
  try {
    await once(socket, 'connect')
    socket.end(JSON.stringify({ word, order } satisfies Request))
    const answer = JSON.parse(await text(socket)) as Answer
    if ('error' in answer) throw new Error(answer.error)
    return answer
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** All that comes, until the other side ends. */
export async function text(from: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of from) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Ends a host that a killed command left behind in this folder. Its releases go with it. */
export async function endOldHost(dir: string): Promise<void> {
  const old = readAddress(dir)
  if (old === undefined || old.pid === process.pid) return
  // Only who knows the word is asked: a process that merely has that number is not ours.
  const answered = await askHost(old, { act: 'quit' }, 5_000).then(
    () => true,
    () => false,
  )
  for (let i = 0; answered && i < 100 && alive(old.pid); i++) await sleep(50)
}
