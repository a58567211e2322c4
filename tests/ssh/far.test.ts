/** A process on another machine: its gate, its receipt, its output, its end. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ProcessIdentity } from '../../src/core/events.ts'
import { alive, identify } from '../../src/lib/processes.ts'
import type { FarWork } from '../../src/lib/far-attend.ts'
import { forgetFar } from '../../src/lib/far-folders.ts'
import { recoverFar } from '../../src/lib/far-recovery.ts'
import { startFar } from '../../src/lib/far.ts'
import { marked } from '../../src/lib/far-call.ts'
import { connect, hangUp } from '../../src/lib/ssh.ts'
import { missingForSsh, network, type Machine, type Network } from './sshd.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })
const missing = missingForSsh()
if (missing !== undefined) console.warn(`processes over ssh are not tested: install ${missing}`)

test('what comes is cut into lines and output, wherever it is torn', () => {
  const text = 'Welcome!\nN ready 1 2\nN out\nab N\nc\0dN err\neN end 0\nN over\n'
  for (const size of [1, 2, 3, 5, 1000]) {
    const said: string[] = []
    let shown = ''
    const hear = marked('N', {
      said: (word, rest) => said.push([word, ...rest].join(' ')),
      shown: (name, bytes) => (shown += `${name}:${bytes.toString()};`),
    })
    for (let i = 0; i < text.length; i += size) hear(Buffer.from(text.slice(i, i + size)))
    expect(said).toEqual(['ready 1 2', 'end 0', 'over'])
    expect(shown.replaceAll(/;(out|err):/g, (_, name) => (name === 'err' ? '|' : ''))).toBe(
      'out:ab N\nc\0d|e;',
    )
  }
})

describe.skipIf(missing !== undefined)('a process on another machine', () => {
  let net: Network
  let there: Machine
  let here = ''
  const path = process.env.PATH
  let count = 0
  beforeAll(async () => {
    net = await network(1)
    ;[there] = net.machines as [Machine]
    here = mkdtempSync(join(tmpdir(), 'runbook-far-'))
    process.env.PATH = net.env.PATH
    writeFileSync(join(there.home, '.bashrc'), 'echo welcome; echo careful >&2\n')
  })
  afterAll(async () => {
    hangUp()
    process.env.PATH = path
    rmSync(here, { recursive: true, force: true })
    await net.dispose()
  })

  const work = (script: string | string[], more: Partial<FarWork> = {}): FarWork => {
    const name = `do-${(count += 1)}`
    return {
      place: { destination: there.name, folder: `run/step/${name}` },
      command: typeof script === 'string' ? { script } : { argv: script },
      cwd: '',
      env: {},
      timeout_ms: 60_000,
      interrupt: new AbortController().signal,
      leaves_processes: false,
      output: () => {},
      folder: join(here, name),
      recoverable: true,
      gate: () => Promise.resolve(),
      ...more,
    }
  }
  /** Started, and left there without a word when it is at the gate. */
  const abandoned = async (script: string, more: Partial<FarWork> = {}) => {
    let wrapper: ProcessIdentity | undefined
    const begun = work(script, {
      ...more,
      gate: (process) => {
        wrapper = process
        return Promise.reject(new Error('no journal'))
      },
    })
    await expect(startFar(begun)).rejects.toThrow('no journal')
    if (wrapper === undefined) throw new Error('nobody was at the gate')
    return { begun, wrapper }
  }

  test.each([true, false])(
    'gives what it prints and its exit code back (%s)',
    async (recoverable) => {
      const env = { ODD: `a'b"c\n$(id) \\ ü` }
      const script = `printf '%s' "$ODD"; echo oops >&2; exit 7`
      const end = await startFar(work(script, { env, recoverable }))
      expect(end).toMatchObject({ exit_code: 7, notes: [] })
      expect(end.stdout.text).toBe(env.ODD)
      expect(end.stderr.text).toBe('oops\n')
      const argv = await startFar(
        work(['printf', '%s|', '', `it's`, '*', '$HOME'], { recoverable }),
      )
      expect(argv.stdout.text).toBe(`|it's|*|$HOME|`)
    },
  )

  test('much output comes whole', async () => {
    const end = await startFar(work('seq 1 60000; seq 1 9 >&2'))
    expect(end.stdout.text.split('\n')).toHaveLength(60_001)
    expect(end.stderr.text).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n')
  })

  test('stands in its own folder there, or says that there is none', async () => {
    expect((await startFar(work('pwd'))).stdout.text.trim()).toBe(there.home)
    expect((await startFar(work('pwd', { cwd: '/usr' }))).stdout.text.trim()).toBe('/usr')
    const gate = vi.fn(() => Promise.resolve())
    const end = await startFar(work('pwd', { cwd: '/no such', gate }))
    expect(end.unstarted).toBe('the working folder /no such does not exist on the host')
    expect(gate).not.toHaveBeenCalled()
  })

  test('gives to bash what it would take when it starts', async () => {
    const env = { IFS: ',', OPTIND: '3', OPTERR: '0', OPTION: 'a,b' }
    const script =
      'set -- $OPTION; echo "$# $OPTIND $OPTERR"; while getopts x it -x; do echo "$it"; done'
    const local = { PATH: path ?? '' }
    const cold = spawnSync('bash', ['-c', script], { env: { ...local, ...env }, encoding: 'utf8' })
    expect((await startFar(work(script, { env }))).stdout.text).toBe(cold.stdout)
  })

  test('stands in the folder that a link leads to', async () => {
    mkdirSync(join(there.home, 'releases/1.0'), { recursive: true })
    symlinkSync('releases/1.0', join(there.home, 'current'))
    const real = join(realpathSync(there.home), 'releases/1.0')
    for (const cwd of ['current', join(there.home, 'current')]) {
      const script = 'pwd; echo "$PWD ${OLDPWD-none}"; cd ..; pwd'
      const { stdout } = await startFar(work(script, { cwd }))
      expect(stdout.text).toBe(`${real}\n${real} none\n${join(real, '..')}\n`)
    }
  })

  test('what never passed its gate is known to, and to be nothing', async () => {
    const { begun, wrapper } = await abandoned('touch began')
    expect(await recoverFar(begun, wrapper, () => {})).toEqual({ state: 'never' })
    expect(existsSync(join(there.home, 'began'))).toBe(false)
  })

  test('once somebody has asked for it, it cannot begin any more', async () => {
    const begun = work('touch late')
    const end = await startFar({
      ...begun,
      gate: async (wrapper) => {
        if (wrapper === undefined) throw new Error('nobody')
        const other = { ...begun, folder: `${begun.folder}-other` }
        expect(await recoverFar(other, wrapper, () => {})).toEqual({ state: 'never' })
      },
    })
    expect(end.unstarted).toBeDefined()
    expect(existsSync(join(there.home, 'late'))).toBe(false)
  })

  test('without its folder nobody knows', async () => {
    const { begun, wrapper } = await abandoned('true')
    expect(await forgetFar(there.name, ['run/step'])).toBeUndefined()
    expect(existsSync(join(there.home, '.cache/runbook'))).toBe(false)
    expect(await recoverFar(begun, wrapper, () => {})).toEqual({ state: 'unknown' })
  })

  test.each([true, false])('what it leaves running is ended, or stays (%s)', async (stays) => {
    const script = 'sleep 600 & echo $!; setsid sleep 600 & echo $!'
    const end = await startFar(work(script, { leaves_processes: stays }))
    const pids = end.stdout.text.trim().split('\n').map(Number)
    const lives = pids.filter((pid) => identify(pid) !== undefined)
    expect(lives).toEqual(stays ? pids : [])
    for (const pid of lives) process.kill(pid)
    if (stays) expect(end.notes).toEqual([])
    else expect(end.notes.join()).toMatch(/^left running and ended: sleep \(pid \d+\), sleep/)
  })

  test('one that does not want to end is ended by force, and that is in its receipt', async () => {
    const graces = { interrupt_ms: 100, terminate_ms: 100 }
    const stubborn = work(`trap '' INT TERM; while :; do read -t 0.02 <> <(:) || true; done`, {
      timeout_ms: 1000,
      graces: { timeout: graces, interrupt: graces },
    })
    const end = await startFar(stubborn)
    expect(end).toMatchObject({ exit_code: 137, reason: 'timeout' })
    expect(end.notes).toContain('forced: it was ended by KILL')
  })

  test('a question ends with its connection, and leaves nothing', async () => {
    const asked = startFar(
      work('echo $$ > asking; sleep 600', {
        recoverable: false,
        place: { destination: there.name, folder: 'run/asked/verify-0' },
      }),
    )
    while (!existsSync(join(there.home, 'asking'))) await sleep(10)
    there.cut()
    expect((await asked).lost).toBeDefined()
    while (existsSync(join(there.home, '.cache/runbook/run/asked'))) await sleep(10)
  })

  test('its wrapper holds nothing of the connection, which closes at once', async () => {
    let wrapper: ProcessIdentity | undefined
    const stop = new AbortController()
    const graces = { interrupt_ms: 100, terminate_ms: 100 }
    const running = startFar(
      work('touch ~/begun; sleep 600', {
        interrupt: stop.signal,
        graces: { timeout: graces, interrupt: graces },
        gate: (process) => {
          wrapper = process
          return Promise.resolve()
        },
      }),
    )
    // Cut off before the word to go, it would never begin.
    while (!existsSync(join(there.home, 'begun'))) await sleep(10)
    there.cut()
    await sleep(1000)
    if (wrapper === undefined) throw new Error('it began without its gate')
    expect(alive(wrapper)).toBe(true)
    stop.abort()
    expect(await running).toMatchObject({ reason: 'interrupted' })
    expect(alive(wrapper)).toBe(false)
  })

  test.each(['-oProxyCommand=touch x', 'a b', '', 'a\nb'])('%j is no destination', async (text) => {
    expect(await connect(text)).toEqual({
      why: `${JSON.stringify(text)} is no destination for ssh`,
    })
  })

  test('what ssh says of a host that nobody knows is told', async () => {
    const end = await startFar(
      work('true', { place: { destination: 'nobody.invalid', folder: 'run/step/x' } }),
    )
    expect(end.unstarted).toMatch(/Could not resolve hostname nobody\.invalid/)
  })
})
