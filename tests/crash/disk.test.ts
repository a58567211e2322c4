/** A journal on a disk that is full, read-only, damaged, or from which it was taken away. */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isRunbookError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import { openSqlite } from '../../src/stores/sqlite.ts'
import { linesOf, rootFrom, runbook, start } from '../tool.ts'
import { recordOf } from './record.ts'

// Whole runs, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

let root: string
let dispose: () => void
beforeEach(() => {
  ;({ root, dispose } = rootFrom(join(import.meta.dirname, 'root')))
})
afterEach(() => {
  dispose()
})

const deploy = ['deploy', 'ledger', '--env', 'keep']
const journal = () => join(root, '.runbook/journal.db')

/** A deploy in the middle of its second action; what happens meanwhile; and how it ends. */
async function meanwhile(happens: () => void) {
  const hold = join(root, 'hold-do-two')
  writeFileSync(hold, '')
  const { ran } = start(root, deploy)
  while (!linesOf(join(root, 'ledger')).includes('do two')) await sleep(5)
  happens()
  rmSync(hold)
  return ran
}

describe('the journal under a run', () => {
  test.each([
    ['is removed', (file: string) => rmSync(file)],
    ['is moved away', (file: string) => renameSync(file, `${file}.old`)],
    [
      'is replaced',
      (file: string) => {
        copyFileSync(file, `${file}.copy`)
        renameSync(`${file}.copy`, file)
      },
    ],
  ])('%s: what runs ends, nothing more starts, exit 12 says where', async (_title, happens) => {
    const ran = await meanwhile(() => {
      happens(journal())
    })
    expect([ran.code, ran.stderr]).toEqual([12, expect.stringContaining(journal())])
    // What had begun was not torn off; what comes after it did not begin.
    expect(linesOf(join(root, 'ledger'))).toEqual(['do one', 'do two'])
    expect(existsSync(join(root, 'two'))).toBe(true)
  })
})

/** Mounts a small disk there. */
const mount = (folder: string) =>
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'runbook-test', folder], {
    stdio: 'pipe',
  })
/** Why this machine mounts no disk; empty where it does. */
const wanting = ((): string => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-'))
  try {
    mount(folder)
    execFileSync('umount', [folder])
    return ''
  } catch (error) {
    const [why = ''] = (error as Error).message.trim().split(': ').slice(-1)
    return ` (SKIPPED: none can be mounted here: ${why})`
  } finally {
    rmSync(folder, { recursive: true })
  }
})()

describe.skipIf(wanting !== '')(`a disk${wanting}`, () => {
  beforeEach(() => {
    mkdirSync(join(root, '.runbook'), { mode: 0o700 })
    mount(join(root, '.runbook'))
  })
  const unmount = () => execFileSync('umount', [join(root, '.runbook')])

  test('that is full: the run stops before the next action, and goes on when there is room', async () => {
    try {
      const filler = join(root, '.runbook/filler')
      const ran = await meanwhile(() => {
        const fd = openSync(filler, 'w')
        try {
          for (let block = 4096; block >= 1; block = block > 1 ? 1 : 0)
            for (;;) if (writeSync(fd, Buffer.alloc(block)) < block) break
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' })
        }
        closeSync(fd)
      })
      expect([ran.code, ran.stderr]).toEqual([12, expect.stringMatching(/journal\.db.*full/)])
      expect(linesOf(join(root, 'ledger'))).toEqual(['do one', 'do two'])
      rmSync(filler)
      const on = await runbook(root, ['resume'])
      expect(on.code, on.stderr).toBe(0)
      expect(linesOf(join(root, 'ledger')).filter((line) => line === 'do two')).toHaveLength(1)
      expect((await recordOf(root)).runs[0]?.state.status).toBe('succeeded')
    } finally {
      unmount()
    }
  })

  test('that is read-only: exit 12 before anything is touched', async () => {
    try {
      execFileSync('mount', ['-o', 'remount,ro', join(root, '.runbook')])
      const ran = await runbook(root, deploy)
      expect([ran.code, ran.stderr]).toEqual([12, expect.stringContaining('.runbook')])
      expect(existsSync(join(root, 'ledger'))).toBe(false)
    } finally {
      unmount()
    }
  })

  const looking = [['status'], ['history'], ['logs'], ['report'], ['lock', 'status']]
  const remount = (mode: 'ro' | 'rw') =>
    execFileSync('mount', ['-o', `remount,${mode}`, join(root, '.runbook')])
  /** What every command that looks says, once it can be compared: without times that pass. */
  const looks = async () => {
    const said: string[] = []
    for (const args of looking) {
      const ran = await runbook(root, args)
      expect(ran.code, ran.stderr).toBe(0)
      said.push(ran.stdout)
    }
    return said
  }

  test('that became read-only: what ran can be looked at, and a run is refused', async () => {
    try {
      expect((await runbook(root, deploy)).code).toBe(0)
      const before = await looks()
      remount('ro')
      expect(await looks()).toEqual(before)
      expect(before.join('')).toContain('two')
      const ran = await runbook(root, deploy)
      expect([ran.code, ran.stderr]).toEqual([
        12,
        expect.stringMatching(/journal\.db can only be read/),
      ])
    } finally {
      unmount()
    }
  })

  test('that became read-only under a tool that was killed: its log is read where it lies', async () => {
    try {
      const { child, ran } = start(root, deploy)
      while (!existsSync(join(root, 'five'))) await sleep(2)
      child.kill('SIGKILL')
      await ran
      // The process of the step that it leaves still writes.
      await vi.waitFor(() => remount('ro'), 20_000)
      expect((await looks()).join('')).toContain('five')
      remount('rw')
      rmSync(`${journal()}-shm`)
      remount('ro')
      const refused = await runbook(root, ['status'])
      expect([refused.code, refused.stderr]).toEqual([12, expect.stringContaining('copy ')])
      // As it says.
      const copy = join(root, 'copy.db')
      for (const more of ['', '-wal']) copyFileSync(`${journal()}${more}`, `${copy}${more}`)
      const shown = await runbook(root, ['logs', '--store', `sqlite:${copy}`])
      expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('five')])
    } finally {
      unmount()
    }
  })
})

describe('a damaged file', () => {
  const away = mkdtempSync(join(tmpdir(), 'runbook-'))
  const file = join(away, 'journal.db')

  /** The events of the only run: all of them, or why they are not to be had. */
  const read = async (run: string): Promise<Event[] | number> => {
    try {
      const store = openSqlite(file)
      try {
        return await store.events(run)
      } finally {
        await store.close().catch(() => undefined)
      }
    } catch (error) {
      if (!isRunbookError(error)) throw error
      return error.exit
    }
  }

  test('its end torn off at any place: what is left is a part from the beginning', async () => {
    const { child, ran } = start(root, deploy)
    while (!existsSync(join(root, 'five'))) await sleep(2)
    child.kill('SIGKILL')
    await ran
    const wal = readFileSync(`${journal()}-wal`)
    const db = readFileSync(journal())
    const { runs } = await recordOf(root)
    const all = runs[0]?.events ?? []
    const run = all[0]?.run ?? ''
    const lengths = new Set<number>()
    for (let cut = wal.length; cut > 0; cut -= 1777) {
      for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
      writeFileSync(file, db)
      writeFileSync(`${file}-wal`, wal)
      truncateSync(`${file}-wal`, cut)
      const events = await read(run)
      if (typeof events === 'number') throw new Error(`cut at ${cut}: exit ${events}`)
      expect(events).toEqual(all.slice(0, events.length))
      lengths.add(events.length)
    }
    expect(lengths.size).toBeGreaterThan(5)
  })

  test(
    'one bit turned round anywhere: never an event that was not written',
    { timeout: 30_000 },
    async () => {
      await runbook(root, deploy)
      const { runs } = await recordOf(root)
      const all = runs[0]?.events ?? []
      const run = all[0]?.run ?? ''
      const sound = readFileSync(journal())
      const answers = { same: 0, refused: 0 }
      for (let at = 0; at < sound.length; at += 251) {
        for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
        const bytes = Buffer.from(sound)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        writeFileSync(file, bytes)
        const events = await read(run)
        if (typeof events !== 'number' && events.length > 0) {
          // The last events may be lost with the end of a page, as with a file that was torn off.
          expect(events).toEqual(all.slice(0, events.length))
          answers.same += 1
        } else {
          // A page that is lost may hold the whole run: then there is none, which is no false one.
          if (typeof events === 'number') expect([10, 12]).toContain(events)
          answers.refused += 1
        }
      }
      expect(answers.refused).toBeGreaterThan(10)
      expect(answers.same).toBeGreaterThan(10)
    },
  )
})
