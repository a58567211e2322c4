/** Steps on other machines, over the system's own ssh: real daemons, real keys, real connections. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { filesUnder, finder } from '../canaries.ts'
import { recordOf } from '../crash/record.ts'
import { linesOf, project, runbook, start, statuses, type Ran } from '../tool.ts'
import { missingForSsh, network, type Machine, type Network } from './sshd.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })
const missing = missingForSsh()
if (missing !== undefined) console.warn(`steps over ssh are not tested: install ${missing}`)

const SECRET = 'canary-7f3a-over-ssh'
const all = ['b1', 'b2', 'b3']

/** A file `fail` on a machine lets the action fail there, `hold` lets it wait until it is gone. */
const YAML = `runbook: roll
title: Roll
version: "1"
inputs: { release: { default: new }, token: { secret: true } }
environments:
  test:
    inputs: { token: { env: ROLL_TOKEN } }
    hosts:
      backend:
__HOSTS__
phases:
  - id: main
    steps:
      - id: before
        hosts: backend
        batch: 3
        run: cat current
        effect: none
        outputs: { release: output }
      - id: switch
        hosts: backend
        batch: __BATCH__
        secrets: [token]
        timeout: __TIMEOUT__
        run: |
          echo "do $RUNBOOK_STEP $RUNBOOK_HOST" >> ledger
          printenv TOKEN; printenv > seen; ps -eo args >> seen.ps 2>&1
          [[ ! -e fail ]]
          while [[ -e hold ]]; do read -t 0.02 <> <(:) || true; done
          echo "$RELEASE" > current
          echo warned >&2
        verify:
          - run: cat current
            expect: output == inputs.release
          - run: [test, -s, ledger]
        rollback:
          - run: |
              echo "undo $RUNBOOK_HOST" >> ledger
              __UNDO__
              echo "$WAS" > current
            env: { WAS: "\${{ steps.before[host.name].release }}" }
            verify: { run: cat current, expect: "output == steps.before[host.name].release" }
__RESORT__`

describe.skipIf(missing !== undefined)('a step on machines that ssh reaches', () => {
  let net: Network
  let made: { root: string; dispose: () => void } | undefined
  let root = ''
  let env: NodeJS.ProcessEnv = {}
  beforeAll(async () => {
    net = await network(3)
    env = { ...net.env, ROLL_TOKEN: SECRET, OPERATOR: 'only-here' }
  })
  afterAll(() => net.dispose())
  beforeEach(() => {
    for (const { home } of net.machines)
      for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true })
  })
  afterEach(() => {
    made?.dispose()
    made = undefined
  })

  const machine = (name: string): Machine => {
    const found = net.machines.find((one) => one.name === name)
    if (found === undefined) throw new Error(name)
    return found
  }
  const at = (name: string, file: string) => join(machine(name).home, file)
  const touch = (name: string, file: string) => writeFileSync(at(name, file), '')
  const ledger = (name: string) => linesOf(at(name, 'ledger'))
  const current = (name: string) => readFileSync(at(name, 'current'), 'utf8').trim()
  const json = ['-o', 'json']
  const tool = (...args: string[]) => runbook(root, args, { env })
  const until = async (holds: () => boolean) => {
    while (!holds()) await sleep(10)
  }
  const ok = (ran: Ran): Ran => {
    expect(ran.code, ran.stderr).toBe(0)
    return ran
  }
  const rolling = ({ on = all, batch = 1, timeout = '5m', undo = ':', resort = '' } = {}) => {
    const hosts = on.map((name) => `        ${name}: { ssh: ${name} }`)
    const yaml = YAML.replace('__HOSTS__', hosts.join('\n'))
      .replace('__BATCH__', String(batch))
      .replace('__TIMEOUT__', timeout)
      .replace('__UNDO__', undo)
      .replace('__RESORT__', resort)
    made = project('roll', yaml)
    ;({ root } = made)
    for (const { name } of net.machines) writeFileSync(at(name, 'current'), 'old\n')
  }
  /** No folder of a run is left over there. */
  const clean = () => {
    for (const { home } of net.machines)
      expect(
        existsSync(join(home, '.cache/runbook')) ? readdirSync(join(home, '.cache/runbook')) : [],
      ).toEqual([])
  }
  const deploy = ['deploy', 'roll', '--env', 'test']

  test('runs there, in batches; the second fails, and resume goes on with it', async () => {
    rolling()
    touch('b2', 'fail')
    const ran = await tool(...deploy, ...json)
    expect(ran.code, ran.stderr).toBe(3)
    expect(statuses(ran)).toContain('switch@b1 done, switch@b2 failed, switch@b3 pending')
    expect(ledger('b3')).toEqual([])
    rmSync(at('b2', 'fail'))
    ok(await tool('resume', '--retry', 'switch'))
    expect(all.map((name) => ledger(name).length)).toEqual([1, 2, 1])
    expect(all.map(current)).toEqual(['new', 'new', 'new'])
    clean()
  })

  /** Begins a deploy whose action waits on b2, and comes back when it does. */
  const holding = async () => {
    touch('b2', 'hold')
    const begun = start(root, [...deploy, ...json], { env })
    await until(() => ledger('b2').length === 1)
    return begun
  }
  const events = async (type: string) => {
    const [run] = (await recordOf(root)).runs
    return run?.events.flatMap((e) => (e.type === type && 'step' in e ? [e] : [])) ?? []
  }

  test('outlives a tool that is killed; resume waits for it and takes its end', async () => {
    rolling({ on: ['b2', 'b3'] })
    const { child, ran } = await holding()
    child.kill('SIGKILL')
    await ran
    const resumed = start(root, ['resume', ...json], { env })
    await sleep(300)
    rmSync(at('b2', 'hold'))
    expect(statuses(ok(await resumed.ran))).toContain('switch@b2 done, switch@b3 done')
    expect(ledger('b2')).toEqual(['do switch b2'])
    const adopted = (await events('step.acted')).filter((e) => 'adopted' in e)
    expect(adopted.map(({ step }) => step)).toEqual(['switch@b2'])
    clean()
  })

  test('the connections of a tool that was killed are cleared away by the next, those of a living one are not', async () => {
    rolling({ on: ['b2'] })
    const before = env
    const temporary = mkdtempSync(join(tmpdir(), 'rb-'))
    const sockets = () => readdirSync(temporary).filter((name) => name.startsWith('runbook-ssh-'))
    /** As if nothing had happened in them for long. */
    const age = () => {
      for (const name of sockets()) utimesSync(join(temporary, name), 0, 0)
    }
    env = { ...env, TMPDIR: temporary }
    try {
      const { child, ran } = await holding()
      child.kill('SIGKILL')
      await ran
      const dead = sockets()
      expect(dead).toHaveLength(1)
      age()
      const resumed = start(root, ['resume', ...json], { env })
      await until(() => sockets().some((name) => !dead.includes(name)))
      const living = sockets()
      expect(living).toHaveLength(1)
      age()
      expect((await tool('verify', 'roll', '--env', 'test')).code).toBe(3)
      expect(sockets()).toEqual(living)
      rmSync(at('b2', 'hold'))
      ok(await resumed.ran)
      expect(sockets()).toEqual([])
    } finally {
      env = before
      rmSync(temporary, { recursive: true, force: true })
    }
    clean()
  })

  test('ended while nobody was there: its receipt tells, and it is not run again', async () => {
    rolling({ on: ['b2'] })
    const { child, ran } = await holding()
    child.kill('SIGKILL')
    await ran
    rmSync(at('b2', 'hold'))
    await until(() => current('b2') === 'new')
    ok(await tool('resume'))
    expect(ledger('b2')).toEqual(['do switch b2'])
    clean()
  })

  test('a connection that is cut is made again, and nothing of the output is lost or doubled', async () => {
    rolling({ on: ['b2'] })
    const { ran } = await holding()
    const runs = join(root, '.runbook/runs')
    const [run = ''] = readdirSync(runs)
    await until(() => linesOf(join(runs, run, 'switch@b2/do-1/out')).length === 1)
    machine('b2').cut()
    await sleep(200)
    rmSync(at('b2', 'hold'))
    ok(await ran)
    expect(ledger('b2')).toEqual(['do switch b2'])
    const acted = (await events('step.acted')).find(({ step }) => step === 'switch@b2')
    expect(acted).toMatchObject({ ok: true, result: { exit_code: 0 } })
    const { output } = (acted as unknown as { result: { output: string } }).result
    expect(output.split('\n')).toEqual([expect.not.stringContaining(SECRET), 'warned'])
    clean()
  })

  test.each(['resume', 'rollback'] as const)(
    'a host that stays away past the timeout leaves doubt, which %s settles once it is back',
    async (word) => {
      rolling({ timeout: '3s' })
      const { ran } = await holding()
      await machine('b2').stop()
      const ended = await ran
      try {
        expect(ended.code, ended.stderr).toBe(11)
        expect(ended.stderr).toContain('the connection to the host was lost')
        const still = await tool(word, ...json)
        expect(still.code, still.stderr).toBe(word === 'resume' ? 11 : 5)
        expect(statuses(still)).toContain('switch@b2 in_doubt, switch@b3 pending')
        expect(ledger('b1')).toEqual(['do switch b1'])
      } finally {
        rmSync(at('b2', 'hold'))
        await machine('b2').start()
      }
      await until(() => current('b2') === 'new')
      const settled = ok(await tool(word, ...json))
      if (word === 'resume') expect(statuses(settled)).toContain('switch@b2 done, switch@b3 done')
      else expect(all.map(current)).toEqual(['old', 'old', 'old'])
      expect(ledger('b2')).toEqual(['do switch b2', ...(word === 'resume' ? [] : ['undo b2'])])
      clean()
    },
  )

  test('no last resort is taken while the undo before it may still run on a host that is away', async () => {
    rolling({
      undo: `while [[ -e hold ]]; do read -t 0.02 <> <(:) || true; done`,
      resort: `          - script: { file: resort.mjs }
            last_resort: true
            loses: All.
            verify: { run: cat current, expect: output == "old" }
`,
    })
    const here = join(root, 'resort')
    writeFileSync(
      join(root, 'resort.mjs'),
      `export default () => fs.appendFileSync(${JSON.stringify(here)}, 'taken\\n')\n`,
    )
    ok(await tool(...deploy))
    touch('b3', 'hold')
    const { child, ran } = start(root, ['rollback'], { env })
    await until(() => ledger('b3').length === 2)
    child.kill('SIGKILL')
    await ran
    await machine('b3').stop()
    try {
      const ended = await tool('rollback', '--last-resort', 'switch@b3', ...json)
      expect(linesOf(here)).toEqual([])
      expect(ended.code, ended.stderr).toBe(5)
      expect(statuses(ended)).toContain('switch@b2 done, switch@b3 in_doubt')
    } finally {
      rmSync(at('b3', 'hold'))
      await machine('b3').start()
    }
    ok(await tool('rollback', '--last-resort', 'switch@b3'))
    expect(linesOf(here)).toEqual(['taken'])
    expect(all.map(current)).toEqual(['old', 'old', 'old'])
    expect(ledger('b3')).toEqual(['do switch b3', 'undo b3'])
    clean()
  })

  test('one that cannot be reached fails before it begins, and is not undone', async () => {
    rolling()
    // Known by then: `before` has been there.
    const ran = (async () => {
      touch('b1', 'hold')
      const begun = start(root, [...deploy, ...json], { env })
      await until(() => ledger('b1').length === 1)
      await machine('b2').stop()
      rmSync(at('b1', 'hold'))
      return begun.ran
    })()
    const ended = await ran
    try {
      expect(ended.code, ended.stderr).toBe(3)
      expect(ended.stderr).toMatch(/connect to host 127\.0\.0\.3 port \d+: Connection refused/)
      expect(ended.stderr).not.toContain('.cache/runbook')
      expect((await events('step.armed')).map(({ step }) => step)).not.toContain('switch@b2')
      const checked = await tool('verify', 'roll', '--env', 'test', ...json)
      const { steps } = JSON.parse(checked.stdout) as {
        steps: { id: string; checks: { answer: string }[] }[]
      }
      expect(steps.map(({ id, checks }) => `${id} ${checks.at(-1)?.answer ?? ''}`)).toContain(
        'switch@b2 cannot_tell',
      )
      ok(await tool('rollback'))
      expect((await events('undo.done')).map(({ step }) => step)).toEqual(['switch@b1'])
    } finally {
      await machine('b2').start()
    }
    expect(current('b1')).toBe('old')
    clean()
  })

  test('is undone host by host, in the reverse of how they started', async () => {
    rolling({ batch: 2 })
    ok(await tool(...deploy))
    const started = (await events('step.started'))
      .map(({ step }) => step)
      .filter((id) => id.startsWith('switch'))
    ok(await tool('rollback'))
    expect((await events('undo.done')).map(({ step }) => step)).toEqual(started.toReversed())
    expect(all.map(current)).toEqual(['old', 'old', 'old'])
    clean()
  })

  test.each([
    ['its timeout', '1s', undefined, 3],
    ['a person', '5m', 'SIGINT', 130],
  ] as const)('%s ends all of it over there', async (_by, timeout, signal, code) => {
    rolling({ on: ['b2', 'b3'], timeout })
    const { child, ran } = await holding()
    if (signal !== undefined) {
      child.kill(signal)
      await sleep(100)
      child.kill(signal)
    }
    const ended = await ran
    expect(ended.code, ended.stderr).toBe(code)
    expect(statuses(ended)).toContain('switch@b2 failed, switch@b3 pending')
    expect(waitingOn(at('b2', ''))).toEqual([])
    clean()
  })

  test('no secret is in a command line, nor left behind; nothing of this environment goes over', async () => {
    rolling()
    const { ran } = await holding()
    expect(commandLines().filter((line) => line.includes(SECRET))).toEqual([])
    rmSync(at('b2', 'hold'))
    const ended = ok(await ran)
    for (const { home } of net.machines) {
      const seen = linesOf(join(home, 'seen'))
      expect(seen).toContain(`TOKEN=${SECRET}`)
      expect(seen).toContain('RELEASE=new')
      expect(seen.join('\n')).not.toMatch(/OPERATOR|ROLL_TOKEN|runbook-sshd-\w+\/bin/)
      expect(readFileSync(join(home, 'seen.ps'), 'utf8')).not.toContain(SECRET)
      rmSync(join(home, 'seen'))
    }
    const found = finder(new Map([['token', SECRET]]))
    for (const folder of [root, ...net.machines.map(({ home }) => home)])
      for (const file of filesUnder(folder))
        expect(found(readFileSync(join(folder, file))), file).toEqual([])
    expect(found(ended.stdout + ended.stderr)).toEqual([])
    clean()
  })
})

function processes(file: string): [pid: string, text: string][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [[pid, readFileSync(`/proc/${pid}/${file}`, 'utf8')] as [string, string]]
      } catch {
        return []
      }
    })
}

const commandLines = () => processes('cmdline').map(([, text]) => text)

/** Processes of an action that have this home. */
const waitingOn = (home: string) =>
  processes('environ').filter(
    ([, text]) =>
      text.includes(`HOME=${home.replace(/\/$/, '')}\0`) && text.includes('RUNBOOK_TOKEN='),
  )
