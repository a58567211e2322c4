/** Being asked to stop: the first time what runs ends, the second time it is ended, the third it is left. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { linesOf, project, runbook, start, statuses, summaryOf, type Ran } from '../tool.ts'
import { recordOf } from './record.ts'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

/** Three steps; the second signs and then does what `script` says. */
function withScript(script: string, more = ''): string {
  const step = (id: string, run: string, rest = '') => `
      - id: ${id}
        run: |
          echo ${id} >> ledger
          ${run}
          touch ${id}
        ${rest}
        verify: { run: test -e ${id} }
        rollback: { run: 'echo undo ${id} >> ledger; rm -f ${id}', verify: inverse }`
  made = project(
    'stops',
    `runbook: stops
title: To be stopped
version: "1"
environments:
  keep: {}
  back: { on_failure: rollback }
phases:
  - id: main
    title: Main
    steps:${step('one', ':')}${step('two', script, more)}${step('three', ':')}
finally:
  - { id: tell, run: echo told >> ledger, effect: none }
`,
  )
  return made.root
}

const HELD = 'while [ -e hold ]; do sleep 0.02 || :; done'
const json = ['-o', 'json']

/** Runs until the ledger shows the line, then does as it is told. */
async function until(
  root: string,
  args: string[],
  line: string,
  then: (send: (signal: NodeJS.Signals) => void) => Promise<void>,
): Promise<Ran> {
  const { child, ran } = start(root, args)
  while (!linesOf(join(root, 'ledger')).includes(line)) await sleep(5)
  await then((signal) => child.kill(signal))
  return ran
}

const deploy = (env = 'keep') => ['deploy', 'stops', '--env', env, ...json]

async function latest(root: string) {
  const { runs, locks } = await recordOf(root)
  return { ...runs[0], locks }
}

describe('once', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    '%s: what runs ends and is recorded, then it pauses with %i',
    async (signal, code) => {
      const root = withScript(HELD)
      writeFileSync(join(root, 'hold'), '')
      const ran = await until(root, deploy(), 'two', async (send) => {
        send(signal)
        await sleep(100)
        rmSync(join(root, 'hold'))
      })
      expect([ran.code, statuses(ran)], ran.stderr).toEqual([
        code,
        'one done, two done, three pending, tell pending',
      ])
      expect(summaryOf(ran).exit_code).toBe(code)
      for (const next of ['runbook resume', 'runbook rollback']) expect(ran.stderr).toContain(next)
      expect((await latest(root)).state).toMatchObject({ status: 'paused', reason: signal })
      const on = await runbook(root, ['resume', ...json])
      expect([on.code, statuses(on)], on.stderr).toEqual([
        0,
        'one done, two done, three done, tell done',
      ])
      expect(linesOf(join(root, 'ledger'))).toEqual(['one', 'two', 'three', 'told'])
    },
  )

  test('a paused run can be rolled back instead', async () => {
    const root = withScript(HELD)
    writeFileSync(join(root, 'hold'), '')
    await until(root, deploy(), 'two', async (send) => {
      send('SIGINT')
      await sleep(100)
      rmSync(join(root, 'hold'))
    })
    const back = await runbook(root, ['rollback', ...json])
    expect([back.code, statuses(back)], back.stderr).toEqual([
      0,
      'one undone, two undone, three pending, tell done',
    ])
  })

  test('in a rollback: it pauses between two undos, and resume goes on', async () => {
    const root = withScript(':')
    await runbook(root, deploy())
    const back = await until(root, ['rollback', ...json], 'undo three', (send) => {
      send('SIGINT')
      return Promise.resolve()
    })
    expect([back.code, summaryOf(back).exit_code], back.stderr).toEqual([130, 130])
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, statuses(on)], on.stderr).toEqual([
      0,
      'one undone, two undone, three undone, tell done',
    ])
    expect(linesOf(join(root, 'ledger')).filter((l) => l.startsWith('undo'))).toEqual([
      'undo three',
      'undo two',
      'undo one',
    ])
  })

  test('in an undo that then fails: it is not tried again', async () => {
    const root = withScript(':')
    const file = join(root, 'runbooks/stops.yaml')
    const text = readFileSync(file, 'utf8')
    const undo = `run: 'echo undo three >> ledger; ${HELD}; test -e key && rm three', retry: { attempts: 9, every: 10ms }`
    const changed = text.replace("run: 'echo undo three >> ledger; rm -f three'", undo)
    expect(changed).not.toBe(text)
    writeFileSync(file, changed)
    await runbook(root, deploy())
    writeFileSync(join(root, 'hold'), '')
    const back = await until(root, ['rollback', ...json], 'undo three', async (send) => {
      send('SIGINT')
      await sleep(100)
      rmSync(join(root, 'hold'))
    })
    expect([back.code, statuses(back)], back.stderr).toEqual([
      5,
      'one done, two done, three undo_failed, tell done',
    ])
    const undone = () => linesOf(join(root, 'ledger')).filter((line) => line === 'undo three')
    expect(undone()).toHaveLength(1)
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['rollback', ...json])
    expect([on.code, undone().length], on.stderr).toEqual([0, 2])
  })
})

describe('when what runs is the last thing to do but for finally', () => {
  const held = (what: string) => `while [ -e hold-${what} ]; do sleep 0.02; done`
  const undo = `rollback: { run: 'echo undo >> ledger; ${held('undo')}; rm -f one', verify: inverse }`

  /** One step, its undo, and `finally`: each signs and then waits while its `hold` is there. */
  function ending(then = 'touch one', more = undo): string {
    made = project(
      'ends',
      `runbook: ends
title: To be stopped at its end
version: "1"
environments: { keep: {} }
phases:
  - id: main
    steps:
      - id: one
        run: echo one >> ledger; ${held('one')}; ${then}
        verify: { run: test -e one }
        ${more}
finally:
  - { id: first, run: 'echo "first $HOW" >> ledger; ${held('first')}', env: { HOW: "\${{ run.status }}" }, effect: none }
  - { id: second, run: 'echo "second $HOW" >> ledger; ${held('second')}', env: { HOW: "\${{ run.status }}" }, effect: none }
  - { id: why, when: run.status == "rolled_back", run: echo why >> ledger, effect: none }
`,
    )
    return made.root
  }
  const begin = ['deploy', 'ends', '--env', 'keep', ...json]
  const ledger = (root: string) => linesOf(join(root, 'ledger'))

  /** Ctrl-C while the line's action runs, which then goes on to its end. */
  async function stoppedAt(root: string, args: string[], line: string): Promise<Ran> {
    const hold = join(root, `hold-${line.split(' ')[0]}`)
    writeFileSync(hold, '')
    const ran = await until(root, args, line, async (send) => {
      send('SIGINT')
      await sleep(150)
      rmSync(hold)
    })
    expect(ran.stderr).toContain('finishing what runs, then pausing')
    return ran
  }

  /** It said that it would pause, and it did: another deploy is refused, and what comes next is said. */
  async function isPaused(root: string, ran: Ran): Promise<void> {
    expect([ran.code, summaryOf(ran).status], ran.stderr).toEqual([130, 'paused'])
    expect(ran.stderr).toMatch(/runbook resume \S+ +does what is left of finally, and ends the run/)
    expect((await runbook(root, begin)).code).toBe(7)
  }

  test.each([
    ['the only step', 'one', ['one']],
    ['the first step of finally', 'first succeeded', ['one', 'first succeeded']],
  ])(
    'in %s of a deploy: it pauses, and resume does the rest of finally once',
    async (_, line, done) => {
      const root = ending()
      await isPaused(root, await stoppedAt(root, begin, line))
      expect(ledger(root)).toEqual(done)
      const on = await runbook(root, ['resume', ...json])
      expect([on.code, summaryOf(on).status], on.stderr).toEqual([0, 'succeeded'])
      expect(ledger(root)).toEqual(['one', 'first succeeded', 'second succeeded'])
      expect((await latest(root)).locks).toEqual([])
    },
  )

  test.each([
    ['the last undo', 'undo', 'resume'],
    ['the last undo', 'undo', 'rollback'],
    ['the first step of finally', 'first rolled_back', 'resume'],
    ['the first step of finally', 'first rolled_back', 'rollback'],
  ])('in %s of a rollback (%s): %s does the rest of finally once', async (_, line, command) => {
    const root = ending()
    expect((await runbook(root, begin)).code).toBe(0)
    rmSync(join(root, 'ledger'))
    await isPaused(root, await stoppedAt(root, ['rollback', ...json], line))
    const on = await runbook(root, [command, ...json])
    expect([on.code, summaryOf(on).status], on.stderr).toEqual([0, 'rolled_back'])
    expect(ledger(root)).toEqual(['undo', 'first rolled_back', 'second rolled_back', 'why'])
  })

  test('a run that is paused so can be rolled back instead: finally is about that then', async () => {
    const root = ending()
    await isPaused(root, await stoppedAt(root, begin, 'first succeeded'))
    const back = await runbook(root, ['rollback', ...json])
    expect([back.code, summaryOf(back).status], back.stderr).toEqual([0, 'rolled_back'])
    expect(ledger(root).slice(2)).toEqual([
      'undo',
      'first rolled_back',
      'second rolled_back',
      'why',
    ])
  })

  test('in a step that then fails: it pauses all the same, and resume tells of what comes of it', async () => {
    const root = ending('false', 'effect: none')
    const ran = await stoppedAt(root, begin, 'one')
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      130,
      'one failed, first pending, second pending, why pending',
    ])
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, summaryOf(on).status], on.stderr).toEqual([3, 'failed'])
    expect(ledger(root)).toEqual(['one', 'one', 'first failed', 'second failed'])
  })

  test('in a step that then fails and must not run twice: resume ends the run as failed', async () => {
    const root = ending('false')
    const ran = await stoppedAt(root, begin, 'one')
    expect([ran.code, summaryOf(ran).status], ran.stderr).toEqual([130, 'paused'])
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, summaryOf(on).status], on.stderr).toEqual([3, 'failed'])
    expect(ledger(root)).toEqual(['one', 'first failed', 'second failed'])
  })

  test('in the last of finally that is to run: nothing is left to pause for', async () => {
    const root = ending()
    const ran = await stoppedAt(root, begin, 'second succeeded')
    expect([ran.code, summaryOf(ran).status], ran.stderr).toEqual([0, 'succeeded'])
  })

  test('twice in a step of finally: it is interrupted, and resume runs it again', async () => {
    const root = ending()
    writeFileSync(join(root, 'hold-second'), '')
    const ran = await until(root, begin, 'second succeeded', twice)
    await isPaused(root, ran)
    rmSync(join(root, 'hold-second'))
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, summaryOf(on).status], on.stderr).toEqual([0, 'succeeded'])
    expect(ledger(root)).toEqual(['one', 'first succeeded', 'second succeeded', 'second succeeded'])
  })

  test('without finally it ends as it would have', async () => {
    const root = ending()
    const file = join(root, 'runbooks/ends.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^finally:[^]*/m, ''))
    const ran = await stoppedAt(root, begin, 'one')
    expect([ran.code, summaryOf(ran).status], ran.stderr).toEqual([0, 'succeeded'])
  })
})

const twice = async (send: (signal: NodeJS.Signals) => void) => {
  send('SIGINT')
  await sleep(150)
  send('SIGINT')
}

describe('twice', () => {
  test('a script is ended: one knows how, so it failed and is not in doubt', async () => {
    const root = withScript('test -e key || sleep 60')
    const ran = await until(root, deploy('back'), 'two', twice)
    // Whatever a failure leads to, a person who interrupts wants it to stop here.
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      130,
      'one done, two failed, three pending, tell pending',
    ])
    expect(ran.stderr).toContain('runbook resume')
    const { state, events } = await latest(root)
    expect(state?.status).toBe('paused')
    expect(events?.find((e) => e.type === 'step.failed')).toMatchObject({
      failure: { reason: 'interrupted' },
    })

    const without = await runbook(root, ['resume'])
    expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('--retry two')])
    writeFileSync(join(root, 'key'), '')
    const again = await runbook(root, ['resume', '--retry', 'two', ...json])
    expect([again.code, statuses(again)], again.stderr).toEqual([
      0,
      'one done, two done, three done, tell done',
    ])
    expect(linesOf(join(root, 'ledger')).filter((l) => l === 'one')).toEqual(['one'])
  })

  test('a script that ends well all the same has done its work', async () => {
    const root = withScript(`trap 'rm -f hold' INT; ${HELD}`)
    writeFileSync(join(root, 'hold'), '')
    const ran = await until(root, deploy(), 'two', twice)
    expect(ran.code, ran.stderr).toBe(130)
    expect(existsSync(join(root, 'two'))).toBe(true)
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, statuses(on)], on.stderr).toEqual([
      0,
      'one done, two done, three done, tell done',
    ])
    expect(linesOf(join(root, 'ledger')).filter((l) => l === 'two')).toEqual(['two'])
  })

  test('an idempotent one is run again by resume', async () => {
    const root = withScript('test -e key || sleep 60', 'effect: idempotent')
    expect((await until(root, deploy(), 'two', twice)).code).toBe(130)
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, statuses(on)], on.stderr).toEqual([
      0,
      'one done, two done, three done, tell done',
    ])
  })

  test('an undo is run again by resume, without a word', async () => {
    const root = withScript(':')
    const file = join(root, 'runbooks/stops.yaml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('rm -f two', 'test -e key || sleep 60; rm -f two'))
    await runbook(root, deploy())
    const back = await until(root, ['rollback', ...json], 'undo two', twice)
    expect([back.code, statuses(back)], back.stderr).toEqual([
      130,
      'one done, two in_doubt, three undone, tell done',
    ])
    writeFileSync(join(root, 'key'), '')
    const on = await runbook(root, ['resume', ...json])
    expect([on.code, statuses(on)], on.stderr).toEqual([
      0,
      'one undone, two undone, three undone, tell done',
    ])
  })

  test('one that will not end is ended by force, with all that it started', async () => {
    const root = withScript(
      `trap '' INT; setsid sleep 88.25 & sleep 88.5 & ( trap '' INT; sleep 88.75 ) & wait; wait; wait`,
      'timeout: 600ms',
    )
    const ran = await runbook(root, deploy())
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([
      3,
      'one done, two failed, three pending, tell done',
    ])
    expect(await running('sleep 88.')).toBe('')
  })
})

test('three times: it leaves at once and says what to do; the next resume waits for what runs', async () => {
  const root = withScript(`trap '' INT; ${HELD}`)
  writeFileSync(join(root, 'hold'), '')
  const ran = await until(root, deploy(), 'two', async (send) => {
    await twice(send)
    await sleep(150)
    send('SIGINT')
  })
  expect([ran.code, ran.stderr]).toEqual([130, expect.stringContaining('runbook resume')])
  const resumed = start(root, ['resume', ...json])
  let said = ''
  resumed.child.stderr?.on('data', (text: string) => {
    said += text
    if (said.includes('still running (pid')) rmSync(join(root, 'hold'), { force: true })
  })
  const on = await resumed.ran
  expect([on.code, statuses(on)], on.stderr).toEqual([
    0,
    'one done, two done, three done, tell done',
  ])
  expect(linesOf(join(root, 'ledger')).filter((l) => l === 'two')).toEqual(['two'])
})

describe('before anything is done, or when all is done', () => {
  /** A sandbox whose service is up when `ready` is there; what is asked of it holds when `fit` is there. */
  function withService(): string {
    made = project(
      'asked',
      `runbook: asked
title: Asked
version: "1"
environments:
  here:
    services:
      world:
        run: echo world >> ledger; trap 'sleep 1; exit' TERM; sleep 87.25 & wait
        ready: { run: echo ready >> ledger; test -e ready }
requires: [{ run: 'echo fit >> ledger; test -e fit || sleep 60' }]
phases:
  - id: main
    steps:
      - id: one
        run: touch one
        verify: { run: 'echo one >> ledger; test -e fit || sleep 60' }
        rollback: { run: rm -f one, verify: inverse }
`,
    )
    return made.root
  }
  const once = (signal: NodeJS.Signals) => (send: (signal: NodeJS.Signals) => void) => {
    send(signal)
    return Promise.resolve()
  }
  const here = ['asked', '--env', 'here', ...json]

  test.each([
    ['its services start', 'deploy', 'ready', 'SIGINT', 130, ''],
    ['a precondition is asked', 'deploy', 'fit', 'SIGTERM', 143, 'ready'],
    ['a precondition is asked for a plan', 'plan', 'fit', 'SIGINT', 130, 'ready'],
    ['a check is asked', 'verify', 'one', 'SIGHUP', 129, 'ready'],
  ] as const)(
    'while %s (%s): its services end, and no step was touched',
    async (_, verb, line, signal, code, there) => {
      const root = withService()
      if (there !== '') writeFileSync(join(root, there), '')
      const ran = await until(root, [verb, ...here], line, once(signal))
      expect([ran.code, ran.stdout], ran.stderr).toEqual([code, ''])
      expect(ran.stderr).toContain('stopped; no step was touched')
      expect((await recordOf(root)).runs).toEqual([])
      expect(await running('sleep 87.25')).toBe('')
    },
  )

  test('while its services end: they end all the same, and the exit is that of the run', async () => {
    const root = withService()
    for (const file of ['ready', 'fit']) writeFileSync(join(root, file), '')
    const { child, ran } = start(root, ['deploy', ...here])
    while ((await recordOf(root)).runs[0]?.state.status !== 'succeeded') await sleep(20)
    await sleep(100)
    child.kill('SIGINT')
    const { code, stderr } = await ran
    expect([code, stderr]).toEqual([0, expect.stringContaining('ending the services')])
    expect(await running('sleep 87.25')).toBe('')
  })
})

async function running(command: string): Promise<string> {
  const { execFile } = await import('node:child_process')
  return new Promise((resolve) =>
    execFile('pgrep', ['-af', command], (_error, stdout) => {
      resolve(stdout)
    }),
  )
}
