import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sleepUnless } from '../../src/lib/pause.ts'

test('a pause longer than a timer can be set for goes on until it is cut short', async () => {
  const cut = new AbortController()
  let over = false
  const pause = sleepUnless(30 * 24 * 3600 * 1000, cut.signal).then(() => (over = true))
  await sleep(20)
  expect(over).toBe(false)
  cut.abort()
  await pause
  await sleepUnless(60_000, cut.signal)
})

test('what else goes wrong with a pause is not taken for its end', async () => {
  await expect(sleepUnless(1, 'no signal' as unknown as AbortSignal)).rejects.toThrow('signal')
})
