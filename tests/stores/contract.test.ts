import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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

/** A journal without runs. */
async function made(file: string): Promise<string> {
  const store = openStore(`sqlite:${file}`, '')
  await store.prepare()
  await store.close()
  return file
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
    await made(join(place, 'journal.db'))
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
    const file = await made(join(fresh(), 'journal.db'))
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('who only looks where there is none sees nothing, and makes nothing', async () => {
    const place = join(fresh(), 'not', 'there')
    const store = openStore(undefined, place)
    expect([await store.runs(), await store.locks(), await store.events('r1')]).toEqual([
      [],
      [],
      [],
    ])
    expect(await store.lease('r1')).toBeUndefined()
    await expect(store.plan(sha)).rejects.toMatchObject({ exit: 10 })
    expect(existsSync(place)).toBe(false)
    // What another process makes meanwhile is seen.
    const other = openStore(undefined, place)
    await create(other, 'r1')
    expect(await store.runs()).toHaveLength(1)
    await store.close()
    await other.close()
  })

  test('several processes that make it at once make one', async () => {
    const place = fresh()
    const many = Array.from({ length: 5 }, () => openStore(undefined, place))
    await Promise.all(many.map((store) => store.prepare()))
    await Promise.all(many.map((store, index) => create(store, `r${index}`, `lock ${index}`)))
    for (const store of many) {
      expect(await store.runs()).toHaveLength(5)
      await store.close()
    }
  })
})

describe('what is no journal is refused, with exit 12, and left as it is', () => {
  const looksOf = (file: string) => {
    const { mode, size, mtimeMs, ino } = statSync(file)
    return { mode, size, mtimeMs, ino, beside: readdirSync(dirname(file)) }
  }
  const foreign = (file: string, wal: boolean) => {
    const db = new DatabaseSync(file)
    db.exec(`PRAGMA journal_mode = ${wal ? 'WAL' : 'DELETE'}; PRAGMA user_version = 1`)
    db.exec('CREATE TABLE events (name TEXT)')
    db.close()
  }
  test.each<[string, (file: string) => void]>([
    ['a short text', (file) => writeFileSync(file, 'notes\n')],
    ['a long text', (file) => writeFileSync(file, 'notes\n'.repeat(9999))],
    ['a database of something else', (file) => foreign(file, false)],
    ['a database of something else with a log', (file) => foreign(file, true)],
    ['a folder', (file) => mkdirSync(file)],
    ['a pipe', (file) => execFileSync('mkfifo', [file])],
  ])('%s', async (_what, put) => {
    const file = join(fresh(), 'notes')
    put(file)
    chmodSync(file, 0o644)
    const before = looksOf(file)
    expect(() => openStore(`sqlite:${file}`, '')).toThrowError(
      expect.objectContaining({ exit: 12, message: expect.stringContaining(file) as string }),
    )
    expect(looksOf(file)).toEqual(before)
  })

  test('the log of somebody who died is not put into a database of something else', () => {
    const place = fresh()
    const file = join(place, 'notes')
    foreign(`${file}.live`, true)
    const db = new DatabaseSync(`${file}.live`)
    db.exec(`INSERT INTO events VALUES ('one')`)
    for (const more of ['', '-wal']) copyFileSync(`${file}.live${more}`, `${file}${more}`)
    db.close()
    const before = [readFileSync(file), readFileSync(`${file}-wal`)]
    expect(() => openStore(`sqlite:${file}`, '')).toThrowError(/something else/)
    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before)
  })

  test('an empty file is nothing to who looks, and a journal to who writes', async () => {
    const file = join(fresh(), 'empty')
    writeFileSync(file, '', { mode: 0o640 })
    const before = looksOf(file)
    const store = openStore(`sqlite:${file}`, '')
    expect(await store.runs()).toEqual([])
    expect(looksOf(file)).toEqual(before)
    await create(store, 'r1')
    expect(await store.runs()).toHaveLength(1)
    expect(statSync(file).mode).toBe(before.mode)
    await store.close()
  })
})
