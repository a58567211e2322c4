/**
 * `kill -9` at many moments of four stories, and after each `resume`: every run ends as it should, no
 * action ran twice and none was lost, nothing is in doubt, the lock is free. Each kind of moment is
 * tried in each story, just before it and just after it (in turn where the kind is known from another
 * story); CRASH_ALL=1 tries every moment there is.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linesOf, rootFrom, runbook, start } from '../tool.ts'
import { recordOf } from './record.ts'

const template = join(import.meta.dirname, 'root')
const hook = ['--import', join(import.meta.dirname, 'kill-at.mjs')]
const actions = ['one', 'two', 'three', 'four', 'five']
const WORKERS = 3

interface Story {
  /** What happens first, where a moment is given killed at it. */
  before: { args: string[]; at?: string }[]
  killed: string[]
  /** What the run must have come to in the end, and with which exit code it says so. */
  status: string
  exit: number
  ends: 'all done' | 'all undone'
  /** What the actions sign while the killed command runs, to be killed in the middle of. */
  within: string[]
  /** Its moments are those of other stories as well: before or after each kind, in turn, is enough. */
  sparsely?: boolean
}

const deploy = ['deploy', 'ledger', '--env', 'keep']
const rollback = ['rollback', '--yes']
const broken = ['deploy', 'ledger', '--env', 'back', '--var', 'last=broken']

const stories: Record<string, Story> = {
  'a run': {
    before: [],
    killed: deploy,
    status: 'succeeded',
    exit: 0,
    ends: 'all done',
    within: ['do one', 'do three', 'do four', 'do five'],
  },
  'the resume of a run that was killed': {
    // Let go through its gate when its tool died: the resume has to find its receipt first.
    before: [{ args: deploy, at: 'go:2:after' }],
    killed: ['resume'],
    status: 'succeeded',
    exit: 0,
    ends: 'all done',
    within: ['do two'],
    sparsely: true,
  },
  'a commanded rollback': {
    before: [{ args: deploy }],
    killed: rollback,
    status: 'rolled_back',
    exit: 0,
    ends: 'all undone',
    within: ['undo five', 'undo four', 'undo one'],
  },
  'a deploy that fails and rolls back by itself': {
    before: [],
    killed: broken,
    status: 'rolled_back',
    exit: 4,
    ends: 'all undone',
    within: ['do five', 'undo three'],
    sparsely: true,
  },
}

let tried = 0

for (const [name, story] of Object.entries(stories)) {
  describe(name, () => {
    const begun = mkdtempSync(join(tmpdir(), 'runbook-'))
    let moments: string[] = []
    beforeAll(async () => {
      cpSync(template, begun, { recursive: true })
      for (const { args, at } of story.before) await killedAt(begun, args, at)
      moments = await momentsOf(begun, story)
    }, 30_000)
    afterAll(() => {
      rmSync(begun, { recursive: true, force: true })
    })

    test('killed before and after every kind of moment', { timeout: 1_200_000 }, async () => {
      await shared(moments, async (moment) => {
        const { root, dispose } = rootFrom(begun)
        if (await killedAt(root, story.killed, moment)) tried += 1
        await endsWell(story, root, moment)
        dispose()
      })
    })

    test('killed while an action or an undo runs', { timeout: 60_000 }, async () => {
      await shared(story.within, async (line, i) => {
        const { root, dispose } = rootFrom(begun)
        await killedWithin(root, story, line, i % 2 === 0)
        tried += 1
        await endsWell(story, root, line)
        dispose()
      })
    })
  })
}

test('these were at least a hundred moments', () => {
  expect(tried).toBeGreaterThanOrEqual(100)
})

interface Seen {
  kind: string
  number: number
  of: string
}

/** The moments of a command at which it is killed: of each kind one before and another after it, or all. */
async function momentsOf(begun: string, story: Story): Promise<string[]> {
  const { root, dispose } = rootFrom(begun)
  const counted = join(root, 'counted')
  await runbook(root, story.killed, { node: hook, env: { CRASH_COUNT: counted } })
  const seen = JSON.parse(readFileSync(counted, 'utf8')) as Seen[]
  dispose()
  if (process.env.CRASH_ALL !== undefined)
    return seen.flatMap(({ kind, number }) => [
      `${kind}:${number}:before`,
      `${kind}:${number}:after`,
    ])
  const kinds = Map.groupBy(seen, ({ kind, of }) => `${kind} of ${of}`)
  return [...kinds.values()].flatMap((same, i) => {
    const [first] = same
    const nth = (n: number) => same[n % same.length]?.number ?? 0
    const before = `${first?.kind}:${nth(i)}:before`
    const after = `${first?.kind}:${nth(i + 1 + Math.floor(same.length / 2))}:after`
    return story.sparsely !== true ? [before, after] : i % 2 === 0 ? [before] : [after]
  })
}

/**
 * False: it ended before that moment came. How many shells are started beforehand is a race, and so is
 * how many ends are written together with the next beginning.
 */
async function killedAt(root: string, args: string[], moment?: string): Promise<boolean> {
  const ran = await runbook(root, args, { node: hook, env: { CRASH_AT: moment } })
  if (moment === undefined || (/^(commit|spawn|tell|exit)/.test(moment) && ran.signal === null))
    return false
  expect([moment, ran.signal], ran.stderr).toEqual([moment, 'SIGKILL'])
  return true
}

/**
 * Killed in the middle of an action, which then ends by itself: before the resume, which finds its
 * receipt, or while the resume waits for it.
 */
async function killedWithin(
  root: string,
  story: Story,
  line: string,
  alive: boolean,
): Promise<void> {
  const hold = join(root, `hold-${line.replace(' ', '-')}`)
  writeFileSync(hold, '')
  const { child, ran } = start(root, story.killed)
  while (!linesOf(join(root, 'ledger')).includes(line)) await sleep(5)
  child.kill('SIGKILL')
  await ran
  if (alive) {
    const resumed = start(root, ['resume'])
    let said = ''
    resumed.child.stderr?.on('data', (text: string) => {
      said += text
      if (said.includes('still running (pid')) rmSync(hold, { force: true })
    })
    await resumed.ran
    expect([line, said]).toEqual([line, expect.stringContaining('still running (pid')])
  } else {
    rmSync(hold)
    await sleep(150)
  }
}

/** Taken up again, as a person would, it ends as it should. */
async function endsWell(story: Story, root: string, moment: string): Promise<void> {
  const said: string[] = []
  const given = async (args: string[]) => said.push((await runbook(root, args)).stderr)
  await given(['resume'])
  // Killed before the command had recorded anything: then it is given again itself.
  if ((await recordOf(root)).runs[0]?.state.status !== story.status) await given(story.killed)
  const { runs, locks } = await recordOf(root)
  const { state, events } = runs[0] ?? {}
  expect(
    {
      moment,
      runs: runs.length,
      status: state?.status,
      exit: state?.exit_code,
      ledger: linesOf(join(root, 'ledger')).sort(),
      there: actions.filter((a) => existsSync(join(root, a))),
      in_doubt: events?.filter((event) => event.type.endsWith('in_doubt')).length,
    },
    said.join('\n'),
  ).toEqual({
    moment,
    runs: 1,
    status: story.status,
    exit: story.exit,
    // By the ledger that only the actions themselves write, each ran once, and so did each undo.
    ledger: (story.ends === 'all done' ? ['do'] : ['do', 'undo'])
      .flatMap((what) => actions.map((a) => `${what} ${a}`))
      .sort(),
    there: story.ends === 'all done' ? actions : [],
    in_doubt: 0,
  })
  if (locks.length === 0) return
  // The crash fell between the run's last word and its release: then it holds nobody up.
  const next = await runbook(root, deploy)
  expect([moment, next.code], next.stderr).toEqual([moment, 0])
}

/** Works through all of them, a few at a time; the first that fails ends it. */
async function shared<T>(
  all: readonly T[],
  work: (one: T, i: number) => Promise<void>,
): Promise<void> {
  const queue = [...all.entries()]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await work(next[1], next[0])
  }
  await Promise.all(Array.from({ length: WORKERS }, worker))
}
