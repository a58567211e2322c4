// What is kept for a while: sessions and answers that are asked for often. In Redis,
// so that every process sees the same and a restart ends no session; without one in
// the memory of the process.
import { readFileSync } from 'node:fs'
import { createClient } from '@redis/client'
import type { Config } from './config.ts'

export interface Store {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string, seconds: number): Promise<void>
  /** Gives it and removes it, in one: of two who take, one gets it. */
  take(key: string): Promise<string | undefined>
  remove(key: string): Promise<void>
  /** `connected`, `not used`, or throws. */
  state(): Promise<string>
  end(): Promise<void>
}

export function memoryStore(now: () => Date): Store {
  const kept = new Map<string, { value: string; until: number }>()
  const get = (key: string): string | undefined => {
    const found = kept.get(key)
    return found === undefined || found.until <= now().getTime() ? undefined : found.value
  }
  return {
    get: (key) => Promise.resolve(get(key)),
    set: (key, value, seconds) =>
      Promise.resolve(void kept.set(key, { value, until: now().getTime() + seconds * 1000 })),
    take(key) {
      const value = get(key)
      kept.delete(key)
      return Promise.resolve(value)
    },
    remove: (key) => Promise.resolve(void kept.delete(key)),
    state: () => Promise.resolve('not used'),
    end: () => Promise.resolve(),
  }
}

/** @param onError is told when the connection is lost; it is taken up again by itself */
export async function redisStore(
  { url, password, ca }: NonNullable<Config['redis']>,
  onError: (reason: string) => void,
): Promise<Store> {
  const tls = ca === undefined ? {} : { tls: true as const, ca: readFileSync(ca) }
  const client = createClient({
    url,
    password,
    // Without a connection an answer is an error, at once, and not a wait.
    disableOfflineQueue: true,
    socket: { connectTimeout: 5_000, ...tls },
  })
  client.on('error', (error: Error) => onError(error.message))
  await client.connect()
  return {
    get: async (key) => (await client.get(key)) ?? undefined,
    set: async (key, value, seconds) => void (await client.set(key, value, { EX: seconds })),
    take: async (key) => (await client.getDel(key)) ?? undefined,
    remove: async (key) => void (await client.del(key)),
    state: async () => ((await client.ping()) === 'PONG' ? 'connected' : 'strange'),
    end: () => client.close(),
  }
}
