import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { linesOf, rootFrom, runbook, summaryOf } from '../tool.ts'

const template = join(import.meta.dirname, 'root')
const hook = ['--import', join(import.meta.dirname, 'kill-at.mjs')]
const actions = ['one', 'two', 'three', 'four', 'five']

interface Story {
  /** What happens before the command that is killed; it is not killed. */
  before: string[][]
  killed: string[]
  /** What the run must have come to in the end, and with which exit code it says so. */
  status: string
  exit: number
  ends: 'all done' | 'all undone'
  /** A deploy afterwards, which finds the lock free, and what it ends with. */
  next: { args: string[]; exit: number }
}

const deploy = ['deploy', 'ledger', '--env', 'keep']
const broken = ['deploy', 'ledger', '--env', 'back', '--var', 'last=broken']

const stories: Record<string, Story> = {
  'a deploy, then resume': {
    before: [],
    killed: deploy,
    status: 'succeeded',
    exit: 0,
    ends: 'all done',
    next: { args: deploy, exit: 0 },
  },
  'a commanded rollback, then resume': {
    before: [deploy],
    killed: ['rollback', '--yes'],
    status: 'rolled_back',
    exit: 0,
    ends: 'all undone',
    next: { args: deploy, exit: 0 },
  },
  'a deploy that fails and rolls back by itself, then resume': {
    before: [],
    killed: broken,
    status: 'rolled_back',
    exit: 4,
    ends: 'all undone',
    next: { args: broken, exit: 4 },
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

/** Killed, then taken up again, as a person would; the status says how it ended. */
async function crashed(story: Story, moment: string): Promise<{ root: string; ended: unknown; said: string; dispose: () => void }> {
  const { root, dispose } = rootFrom(template)
  for (const args of story.before) await runbook(root, args)
  const killed = await runbook(root, story.killed, { node: hook, env: { CRASH_AT: moment } })
  expect([moment, killed.signal]).toEqual([moment, 'SIGKILL'])
  const resumed = await runbook(root, ['resume'])
  const before = await runbook(root, ['status', '-o', 'json'])
  const status = before.stdout === '' ? undefined : summaryOf(before).status
  // Killed before the command had recorded anything: then it is given again itself.
  const last = status === story.status ? resumed : await runbook(root, story.killed)
  const { status: end, exit_code } = summaryOf(await runbook(root, ['status', '-o', 'json']))
  return { root, ended: { status: end, exit_code }, said: killed.stderr + last.stderr, dispose }
}

for (const [name, story] of Object.entries(stories)) {
  describe(name, () => {
    let moments: string[] = []
    beforeAll(async () => { moments = await momentsOf(story) })

    test('killed at every moment, it ends as it should and nothing ran twice', { timeout: 240_000 }, async () => {
      expect(moments.length).toBeGreaterThan(20)
      const queue = [...moments]
      let turn = 0
      const worker = async (): Promise<void> => {
        for (let moment = queue.shift(); moment !== undefined; moment = queue.shift()) {
          const { root, ended, said, dispose } = await crashed(story, moment)
          const there = actions.filter((a) => existsSync(join(root, a)))
          const done = story.ends === 'all done' ? actions : []
          expect({ moment, ended, once: didOnce(root), there }, said).toEqual({
            moment,
            ended: { status: story.status, exit_code: story.exit },
            once: Object.fromEntries(actions.map((a) => [a, 1])),
            there: done,
          })
          if (turn++ % 8 > 0) {
            dispose()
            continue
          }
          // The lock is free, also where the crash fell between the run's last word and its release.
          const next = await runbook(root, story.next.args)
          expect([moment, next.code], next.stderr).toEqual([moment, story.next.exit])
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
