/** Last resorts with a real database: by name only, verified, and the rest is undone as usual. */
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { rowsOf, startServer } from '../actions/postgres-server.ts'
import { linesOf, project, runbook, start, statuses } from '../tool.ts'

// The machine may have much else to do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

describe('with a database', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    server = await startServer('canary-of-the-database')
  })
  afterAll(() => server.stop())

  const query = (text: string, database = 'guests') => rowsOf(server.url(database), text)

  beforeEach(async () => {
    await query('DROP DATABASE IF EXISTS guests', 'postgres')
    await query('CREATE DATABASE guests', 'postgres')
    await query(`CREATE TABLE guest (id int PRIMARY KEY, phone text);
      INSERT INTO guest SELECT n, '+1 555 ' || n FROM generate_series(1, 100) n`)
  })

  const phones = async () =>
    (
      await query(`SELECT count(*)::int AS n FROM information_schema.columns
       WHERE table_name = 'guest' AND column_name = 'phone'`)
    )[0]?.['n'] === 0
      ? 'gone'
      : (await query("SELECT count(*)::int AS n FROM guest WHERE phone LIKE '+1%'"))[0]?.['n']

  /** Masks the phone numbers, whose undo is broken; then maybe drops them. */
  function guests(drop: boolean): string {
    made = project(
      'guests',
      `runbook: guests
title: Guests without phones
version: "1"
inputs: { database_url: { type: url, secret: true } }
environments:
  test: { manual: assume, inputs: { database_url: { env: GUESTS_URL } } }
  prod: { protected: true, inputs: { database_url: { env: GUESTS_URL } } }
phases:
  - id: main
    steps:
      - { id: first, run: touch first, verify: { run: test -e first }, rollback: { run: rm -f first, verify: inverse } }
      - { id: backup, backup: { to: backups }, verify: { run: 'test -n "$(ls backups)"' }, rollback: keep }
      - id: mask
        sql: UPDATE guest SET phone = 'x'
        verify: { sql: "SELECT 1 FROM guest WHERE phone <> 'x'", expect: row_count == 0 }
        rollback:
          - { sql: UPDATE guest SET phone = old.phone FROM old WHERE old.id = guest.id, verify: inverse }
          - restore: { file: "\${{ steps.backup.file }}", database: "\${{ inputs.database_url }}" }
            last_resort: true
            loses: Everything written since the backup.
            covers: [marked]
            verify: { sql: "SELECT 1 FROM guest WHERE phone LIKE '+1%'", expect: row_count == 100 }
      - id: marked
        sql: INSERT INTO guest VALUES (1000, 'x')
        verify: { sql: SELECT 1 FROM guest WHERE id = 1000, expect: row_count == 1 }
        rollback: { sql: SELECT 1 / 0, verify: inverse }
${
  drop
    ? `      - id: drop
        sql: ALTER TABLE guest DROP COLUMN phone
        verify: { sql: "SELECT 1 FROM information_schema.columns WHERE table_name = 'guest' AND column_name = 'phone'", expect: row_count == 0 }
        approval: [dba]
        irreversible: The phone numbers are gone.
        rollback:
          restore: { file: "\${{ steps.backup.file }}", database: "\${{ inputs.database_url }}" }
          last_resort: true
          loses: Everything written since the backup.
          covers: [mask, marked]
          verify: inverse
`
    : ''
}`,
    )
    return made.root
  }

  const run = (root: string, ...args: string[]) =>
    runbook(root, args, { env: { GUESTS_URL: server.url('guests') } })

  test('a failed undo gives way to it, it is verified, and the rest is undone', async () => {
    const root = guests(false)
    expect((await run(root, 'deploy', 'guests', '--env', 'test')).code).toBe(0)
    expect(await phones()).toBe(0)
    const failed = await run(root, 'rollback')
    expect(failed.code, failed.stderr).toBe(5)
    const [, command = ''] =
      /^ +or +runbook (rollback \S+ --last-resort mask)/m.exec(failed.stderr) ?? []
    expect(command, failed.stderr).not.toBe('')
    const dry = await run(root, ...command.split(' '), '--dry-run')
    expect(dry.stdout).toMatch(/^2 steps of run/)
    expect(dry.stdout).toMatch(
      /undo +restore backups\/\S+\.dump \(last resort\)[\s\S]*loses +Everything written since the backup, [\s\S]*covers +marked/,
    )
    expect(await phones()).toBe(0)
    const back = await run(root, ...command.split(' '), '-o', 'json')
    expect([back.code, statuses(back)], back.stderr).toEqual([
      0,
      'first undone, backup done, mask undone, marked undone',
    ])
    expect(await phones()).toBe(100)
    expect(existsSync(join(root, 'first'))).toBe(false)
    const logs = await run(root, 'logs')
    expect(logs.stdout).toContain('rolling back by the last resort of mask')
    expect(logs.stdout).toContain('mask last resort started')
    expect(logs.stdout).toContain('marked undone by the last resort of mask')
    expect((await run(root, 'rollback')).stderr).toContain('There is nothing left to undo.')
  })

  test('behind an irreversible step the refusal names it, and with the name of the environment it opens the way', async () => {
    const root = guests(true)
    const plan = await run(root, 'plan', 'guests', '--env', 'prod')
    expect(plan.stdout).toMatch(
      /irreversible: The phone numbers are gone\.\n +by name +restore .* \(last resort, also of mask, marked\)\n +loses +Everything/,
    )
    expect((await run(root, 'deploy', 'guests', '--env', 'prod', '--confirm', 'prod')).code).toBe(8)
    const signed = await run(root, 'sign', 'guests', '--env', 'prod', '--role', 'dba')
    expect(signed.code, signed.stderr).toBe(0)
    expect((await run(root, 'resume', '--confirm', 'prod')).code).toBe(0)
    expect(await phones()).toBe('gone')
    const refused = await run(root, 'rollback', '--confirm', 'prod')
    expect(refused.code).toBe(6)
    expect(refused.stderr).toContain('step "drop" cannot be undone: The phone numbers are gone.')
    expect(refused.stderr).toMatch(/restore backups\/\S+\.dump; loses: Everything written/)
    const [, command = ''] = /its last resort: runbook (.*)/.exec(refused.stderr) ?? []
    expect((await run(root, ...command.split(' '))).code).toBe(2)
    const wrong = await run(root, ...command.split(' '), '--confirm', 'test')
    expect([wrong.code, await phones()]).toEqual([9, 'gone'])
    const back = await run(root, ...command.split(' '), '--confirm', 'prod', '-o', 'json')
    expect([back.code, statuses(back)], back.stderr).toEqual([
      0,
      'first undone, backup done, mask undone, marked undone, drop undone',
    ])
    expect(back.stderr).toContain('undoing drop loses: Everything written since the backup')
    expect(await phones()).toBe(100)
  })

  test('a backup that is missing or changed is noticed before the first undo', async () => {
    const root = guests(true)
    await run(root, 'deploy', 'guests', '--env', 'test')
    const [dump = ''] = readdirSync(join(root, 'backups')).filter((name) => name.endsWith('.dump'))
    appendFileSync(join(root, 'backups', dump), 'x')
    const ran = await run(root, 'rollback', '--last-resort', 'drop')
    expect(ran.code).toBe(6)
    expect(ran.stderr).toContain('its checksum differs')
    expect([await phones(), existsSync(join(root, 'first'))]).toEqual(['gone', true])
    const status = await run(root, 'status', '-o', 'json')
    expect(statuses(status)).toContain('drop done')
  })
})

describe('with files', () => {
  /** A change whose undo and last resort wait for files, so that one can look in between. */
  function waiting(more: { undo?: string; resort?: string; then?: string } = {}): string {
    made = project(
      'waiting',
      `runbook: waiting
title: Waiting
version: "1"
environments: { test: {} }
phases:
  - id: main
    steps:
      - { id: first, run: touch first, verify: { run: test -e first }, rollback: { run: rm -f first, verify: inverse } }
      - id: change
        run: touch change other
        verify: { run: test -e change }
        rollback:
          - { run: '${more.undo ?? 'false'}', verify: inverse }
          - run: '${more.resort ?? 'rm -f change other'}'
            last_resort: true
            covers: [other]
            loses: The ledger.
            verify: inverse
      - { id: other, run: touch other, verify: { run: test -e other }, rollback: { run: rm -f other, verify: inverse } }
${more.then === undefined ? '' : `      - { id: then, run: '${more.then}', verify: { run: test -e first }, rollback: { run: "true", verify: { run: "true" } } }\n`}`,
    )
    return made.root
  }

  const until = async (path: string) => {
    while (!existsSync(path)) await sleep(5)
  }

  test('what it should have undone besides and did not: nothing is called undone', async () => {
    const root = waiting({ resort: 'rm -f change' })
    await runbook(root, ['deploy', 'waiting', '--env', 'test'])
    const ran = await runbook(root, ['rollback', '--last-resort', 'change', '-o', 'json'])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      5,
      'first done, change undo_failed, other done',
    ])
    expect(ran.stderr).toContain('it did not undo other as well: its checks still hold')
    // The ordinary way is still open, for those that it can undo.
    const again = await runbook(root, ['rollback', '-o', 'json'])
    expect([again.code, statuses(again)]).toEqual([
      5,
      'first done, change undo_failed, other undone',
    ])
  })

  test('the tool dies under it: resume goes on with it, and runs it once', async () => {
    const root = waiting({
      resort:
        'echo resort >> ledger; touch began; until test -e go; do sleep 0.02; done; rm -f change other',
    })
    await runbook(root, ['deploy', 'waiting', '--env', 'test'])
    const { child, ran } = start(root, ['rollback', '--last-resort', 'change'])
    await until(join(root, 'began'))
    child.kill('SIGKILL')
    await ran
    writeFileSync(join(root, 'go'), '')
    const went = await runbook(root, ['resume', '-o', 'json'])
    expect([went.code, statuses(went)], went.stderr).toEqual([
      0,
      'first undone, change undone, other undone',
    ])
    expect(linesOf(join(root, 'ledger'))).toEqual(['resort'])
  })

  test('an ordinary undo that a dead tool left running is waited for first', async () => {
    const root = waiting({
      undo: 'touch began; until test -e go; do sleep 0.02; done; echo undo >> ledger; false',
      resort: 'echo resort >> ledger; rm -f change other',
    })
    await runbook(root, ['deploy', 'waiting', '--env', 'test'])
    const { child, ran } = start(root, ['rollback'])
    await until(join(root, 'began'))
    child.kill('SIGKILL')
    await ran
    const second = start(root, ['rollback', '--last-resort', 'change', '-o', 'json'])
    let said = ''
    second.child.stderr?.on('data', (text: string) => (said += text))
    while (!said.includes('still running')) await sleep(5)
    expect(linesOf(join(root, 'ledger'))).toEqual([])
    writeFileSync(join(root, 'go'), '')
    const went = await second.ran
    expect([went.code, statuses(went)], went.stderr).toEqual([
      0,
      'first undone, change undone, other undone',
    ])
    expect(linesOf(join(root, 'ledger'))).toEqual(['undo', 'resort'])
  })

  test('asked for where there is none, it touches nothing', async () => {
    const root = waiting()
    await runbook(root, ['deploy', 'waiting', '--env', 'test'])
    for (const [step, hint] of [
      ['first', 'expected one of: change'],
      ['chnage', 'did you mean "change"?'],
    ] as const) {
      const ran = await runbook(root, ['rollback', '--last-resort', step])
      expect(ran.code).toBe(2)
      expect(ran.stderr).toContain(hint)
    }
    expect(statuses(await runbook(root, ['status', '-o', 'json']))).toBe(
      'first done, change done, other done',
    )
  })

  test('an automatic rollback does not take it, and the plan of an ordinary one names it', async () => {
    const root = waiting({ then: 'false' })
    const ran = await runbook(root, [
      'deploy',
      'waiting',
      '--env',
      'test',
      '--on-failure',
      'rollback',
      '-o',
      'json',
    ])
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      5,
      'first done, change undo_failed, other undone, then undone',
    ])
    const { stdout } = await runbook(root, ['rollback', '--dry-run'])
    expect(stdout).toMatch(/by name +run: rm -f change other \(last resort\); loses: The ledger, /)
    expect(stdout).toMatch(/runbook rollback \S+ --last-resort change$/m)
  })
})
