import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { linesOf, rootFrom, runbook, type Ran } from '../tool.ts'

const template = join(import.meta.dirname, 'root')
const hook = ['--import', join(import.meta.dirname, 'kill-at.mjs')]
const actions = ['one', 'two', 'three', 'four', 'five']

interface Story {
  /** What happens before the command that is killed; it is not killed. */
  before: string[][]
  killed: string[]
  /** Given until it no longer changes anything. */
  after: string[]
  exit: number
  ends: 'all done' | 'all undone'
}

const stories: Record<string, Story> = {
  'a deploy, then resume': {
    before: [],
    killed: ['deploy', 'ledger', '--env', 'keep'],
    after: ['resume'],
    exit: 0,
    ends: 'all done',
  },
  'a commanded rollback, then resume': {
    before: [['deploy', 'ledger', '--env', 'keep']],
    killed: ['rollback', '--yes'],
    after: ['resume'],
    exit: 0,
    ends: 'all undone',
  },
  'a deploy that fails and rolls back by itself, then resume': {
    before: [],
    killed: ['deploy', 'ledger', '--env', 'back', '--var', 'last=broken'],
    after: ['resume'],
    exit: 4,
    ends: 'all undone',
  },
}

/** Every moment of the killed command at which a crash can differ from one before it. */
async function momentsOf(story: Story): Promise<string[]> {
  const { root, dispose } = rootFrom(template)
  const counted = join(root, 'counted')
  for (const args of story.before) await runbook(root, args)
  await runbook(root, story.killed, { node: hook, env: { CRASH_COUNT: counted } })
  const counts = JSON.parse(readFileSync(counted, 'utf8')) as Record<string, number>
  dispose()
  return Object.entries(counts).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, i) => [`${kind}:${i + 1}:before`, `${kind}:${i + 1}:after`]).flat(),
  )
}

async function crashed(story: Story, moment: string): Promise<{ root: string; last: Ran; dispose: () => void }> {
  const { root, dispose } = rootFrom(template)
  for (const args of story.before) await runbook(root, args)
  const killed = await runbook(root, story.killed, { node: hook, env: { CRASH_AT: moment } })
  expect([moment, killed.signal]).toEqual([moment, 'SIGKILL'])
  let last = await runbook(root, story.after)
  // Killed before there was a run at all: then the command itself is given again.
  if (last.code === 2) last = await runbook(root, story.killed)
  return { root, last, dispose }
}

for (const [name, story] of Object.entries(stories)) {
  describe(name, () => {
    let moments: string[] = []
    beforeAll(async () => { moments = await momentsOf(story) })

    test('killed at every moment, it ends as it should and nothing ran twice', { timeout: 240_000 }, async () => {
      expect(moments.length).toBeGreaterThan(20)
      const queue = [...moments]
      const worker = async (): Promise<void> => {
        for (let moment = queue.shift(); moment !== undefined; moment = queue.shift()) {
          const { root, last, dispose } = await crashed(story, moment)
          const seen = { moment, code: last.code, done: didOnce(root), there: actions.filter((a) => existsSync(join(root, a))) }
          const done = story.ends === 'all done' ? actions : []
          expect(seen, last.stderr).toEqual({ moment, code: story.exit, done: Object.fromEntries(actions.map((a) => [a, 1])), there: done })
          dispose()
        }
      }
      await Promise.all([worker(), worker(), worker()])
    })
  })
}

/** How often each action ran, by the ledger that only the actions themselves write. */
function didOnce(root: string): Record<string, number> {
  const lines = linesOf(join(root, 'ledger'))
  return Object.fromEntries(actions.map((a) => [a, lines.filter((line) => line.startsWith(`do ${a} `)).length]))
}
