import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { NewEvent } from '../../src/core/events.ts'
import { planSha256 } from '../../src/core/plan.ts'
import { openStore } from '../../src/stores/index.ts'
import type { Store } from '../../src/stores/store.ts'
import { actor, plan, step } from '../samples.ts'

const sample = plan([step('one')])
const sha = planSha256(sample)
const created: NewEvent = {
  type: 'run.created',
  runbook: 'sample',
  environment: 'test',
  plan_sha256: sha,
  partial: false,
  lock: 'sample/test',
  by: actor,
  tool: '0',
  fingerprints: {},
}
const armed: NewEvent = { type: 'step.armed', step: 'one', attempt: 1 }

function create(store: Store, id: string, lock = 'sample/test') {
  return store.create({
    id,
    lock,
    plan: sample,
    plan_sha256: sha,
    first: { ...created, lock } as NewEvent,
    holder: actor,
  })
}

let folder: string | undefined
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true })
  folder = undefined
})
function fresh(): string {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  return folder
}

const stores = {
  sqlite: () => openStore(undefined, fresh()),
  memory: () => openStore('memory:', ''),
}

describe.each(Object.entries(stores))('every store: %s', (_name, open) => {
  test('a run begins with its first event, its plan, the lock and the lease, all at once', async () => {
    const store = open()
    const made = await create(store, 'r1')
    expect(made).toMatchObject({ created: { run: 'r1', epoch: 1 } })
    expect(await store.plan(sha)).toEqual(sample)
    expect(await store.locks()).toMatchObject([{ run: 'r1', lease: { epoch: 1 } }])
    expect((await store.events('r1')).map((e) => [e.seq, e.type, e.prev])).toEqual([
      [1, 'run.created', '0'.repeat(64)],
    ])
    await store.close()
  })

  test('a second run on the same lock is refused and leaves nothing behind', async () => {
    const store = open()
    await create(store, 'r1')
    expect(await create(store, 'r2')).toMatchObject({ busy: { run: 'r1' } })
    expect((await store.runs()).map((r) => r.run)).toEqual(['r1'])
    await store.close()
  })

  test('each event carries the hash of the one before, over many appends', async () => {
    const store = open()
    await create(store, 'r1')
    await store.append('r1', 1, [armed, armed])
    await store.append('r1', 1, [armed])
    const events = await store.events('r1')
    expect(events.map((e) => e.seq)).toEqual([1, 2, 3, 4])
    expect(new Set(events.map((e) => e.prev)).size).toBe(4)
    await store.close()
  })

  test('a process that lost the run cannot write, and beats in vain', async () => {
    const store = open()
    await create(store, 'r1')
    expect(await store.take('r1', actor, () => true)).toMatchObject({ taken: { epoch: 2 } })
    await expect(store.append('r1', 1, [armed])).rejects.toMatchObject({ exit: 7 })
    expect(await store.beat('r1', 1)).toBe(false)
    expect(await store.beat('r1', 2)).toBe(true)
    await store.append('r1', 2, [armed])
    expect(await store.events('r1')).toHaveLength(2)
    await store.close()
  })

  test('a living holder keeps its run; a dead one loses it', async () => {
    const store = open()
    await create(store, 'r1')
    expect(await store.take('r1', actor, () => false)).toMatchObject({ held: { epoch: 1 } })
    expect(await store.take('r1', actor, () => true)).toMatchObject({ taken: { epoch: 2 } })
    await store.close()
  })

  test('the lock stays with the run when its process ends, and goes when the run is over', async () => {
    const store = open()
    await create(store, 'r1')
    await store.release('r1', 1, false)
    expect(await store.locks()).toEqual([{ name: 'sample/test', run: 'r1' }])
    const again = await store.take('r1', actor, () => false)
    expect(again).toMatchObject({ taken: { epoch: 2 } })
    await store.release('r1', 2, true)
    expect(await store.locks()).toEqual([])
    expect(await create(store, 'r2')).toHaveProperty('created')
    await store.close()
  })

  test('a finished run takes its lock again to be undone, unless another run has it', async () => {
    const store = open()
    await create(store, 'r1')
    await store.release('r1', 1, true)
    await create(store, 'r2')
    expect(await store.take('r1', actor, () => true)).toMatchObject({ busy: { run: 'r2' } })
    await store.release('r2', 1, true)
    expect(await store.take('r1', actor, () => true)).toMatchObject({ taken: { epoch: 2 } })
    expect(await store.locks()).toMatchObject([{ run: 'r1' }])
    await store.close()
  })

  test('history is newest first and can be narrowed', async () => {
    const store = open()
    await create(store, 'r1')
    await store.release('r1', 1, true)
    await create(store, 'r2')
    await create(store, 'r3', 'another')
    expect((await store.runs()).map((r) => r.run)).toEqual(['r3', 'r2', 'r1'])
    expect((await store.runs({ limit: 1 })).map((r) => r.run)).toEqual(['r3'])
    expect(await store.runs({ runbook: 'no such' })).toEqual([])
    await store.close()
  })
})

describe('the embedded store', () => {
  test('what was appended is there after the process is gone', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    await store.append('r1', 1, [armed])
    const again = openStore(undefined, place)
    expect(await again.events('r1')).toHaveLength(2)
    await again.append('r1', 1, [armed])
    expect(await store.events('r1')).toHaveLength(3)
    await store.close()
    await again.close()
  })

  test('who reads beside a process that writes sees a sound journal, as it was at one moment', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    await store.append('r1', 1, Array<NewEvent>(300).fill(armed))
    const writes = join(import.meta.dirname, 'writes.ts')
    const writer = spawn(process.execPath, [writes, place], { stdio: 'inherit' })
    const seen = new Set<number>()
    try {
      while (writer.exitCode === null && seen.size < 20) {
        seen.add((await store.events('r1')).length)
        await setImmediate()
      }
    } finally {
      if (writer.kill('SIGKILL')) await once(writer, 'exit')
    }
    expect(seen.size).toBe(20)
    await store.close()
  })

  test('an event changed behind its back is found, and named', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    await store.append('r1', 1, [armed, armed])
    const db = new DatabaseSync(join(place, 'journal.db'))
    db.exec(`UPDATE events SET json = replace(json, '"attempt":1', '"attempt":2') WHERE seq = 2`)
    db.close()
    await expect(store.events('r1')).rejects.toMatchObject({
      exit: 10,
      message: expect.stringContaining('event 3') as string,
    })
    await store.close()
  })

  test('an event taken out of the middle is found', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    await store.append('r1', 1, [armed, armed])
    const db = new DatabaseSync(join(place, 'journal.db'))
    db.exec('DELETE FROM events WHERE seq = 2')
    db.close()
    await expect(store.events('r1')).rejects.toMatchObject({ exit: 10 })
    await store.close()
  })

  test('events lost from the end are found, though what is left is sound in itself', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    await store.append('r1', 1, [armed, armed])
    const db = new DatabaseSync(join(place, 'journal.db'))
    db.exec('DELETE FROM events WHERE seq = 3')
    db.close()
    await expect(store.events('r1')).rejects.toMatchObject({
      exit: 10,
      message: expect.stringContaining('event 3') as string,
    })
    await store.close()
  })

  test('a journal of a newer format is refused untouched', async () => {
    const place = fresh()
    await openStore(undefined, place).close()
    const db = new DatabaseSync(join(place, 'journal.db'))
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openStore(undefined, place)).toThrowError(/newer runbook/)
  })

  test('a journal that was replaced under a running tool is noticed at the next append', async () => {
    const place = fresh()
    const store = openStore(undefined, place)
    await create(store, 'r1')
    renameSync(join(place, 'journal.db'), join(place, 'moved.db'))
    await expect(store.append('r1', 1, [armed])).rejects.toMatchObject({ exit: 12 })
    await store.close()
  })

  test('a file that is no journal is refused, not overwritten', async () => {
    const place = fresh()
    writeFileSync(
      join(place, 'journal.db'),
      "this is not a database, and it is somebody's letter\n".repeat(50),
    )
    expect(() => openStore(undefined, place)).toThrowError(/is damaged/)
  })

  test('nobody else can read it', async () => {
    const place = fresh()
    await openStore(undefined, place).close()
    expect(statSync(join(place, 'journal.db')).mode & 0o777).toBe(0o600)
  })
})
