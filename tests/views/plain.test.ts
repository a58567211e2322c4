import { expect, test } from 'vitest'
import { jsonView } from '../../src/views/json.ts'
import { ndjsonView } from '../../src/views/ndjson.ts'
import { plainView } from '../../src/views/plain.ts'
import { quietView } from '../../src/views/quiet.ts'
import { golden, journal, paper } from './fixture.ts'
import { play, smallPlan, stories } from './stories.ts'

const now = () => Date.parse('2025-06-14T02:10:00Z')

test.each(['succeeded', 'failed', 'rolled back by itself', 'rollback failed'])(
  'lines of a run that %s',
  async (name) => {
    const { out, text } = paper()
    await play(name, plainView(out, { now }))
    golden(`plain ${name}`, text())
  },
)

test('output of steps is shown with -v, and not again when it failed', () => {
  const { out, text } = paper()
  const view = plainView(out, { now, verbose: true })
  const run = journal(view)
  view.start(smallPlan(), run.state, 'deploy')
  view.progress({ kind: 'output', step: 'token_table', text: 'one\n::add-mask::x\n\x1b[2J\n' })
  stories['failed']?.(run)
  expect(text()).toContain('token_table │ one\n')
  expect(text()).toContain('token_table │ \\x1b[2J\n')
  expect(text().match(/relation "users"/g)).toBeNull()
})

test('without -v no output, but notes', () => {
  const { out, text } = paper()
  const view = plainView(out, { now })
  view.progress({ kind: 'output', step: 'a', text: 'noise\n' })
  view.progress({ kind: 'note', text: 'finishing step a, then pausing' })
  expect(text()).toBe('2025-06-14T02:10:00Z finishing step a, then pausing\n')
})

test('commands to a CI system are defused', async () => {
  const { out, text } = paper({}, { GITHUB_ACTIONS: 'true' })
  const view = plainView(out, { now, verbose: true })
  view.progress({ kind: 'output', step: 'a', text: '::set-output name=x::y\n##[error]no\n' })
  expect(text()).not.toMatch(/::set|##\[/)
})

test('ndjson prints the events of the journal, one a line', async () => {
  const data = paper()
  const run = await play('failed', ndjsonView(data.out, quietView(paper().out)))
  const lines = data.text().trimEnd().split('\n')
  // The first event is made before the view is there.
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(run.events.slice(1))
})

test('data on a terminal holds no sign that acts, and stays the same data', () => {
  const data = paper({ isTTY: true })
  const view = ndjsonView(data.out, quietView(paper().out))
  const reason = 'a\x9b2Jb\u202ec\u2028d'
  const run = journal(view)
  run.add({ type: 'step.skipped', step: 'seed', reason })
  expect(data.text()).not.toMatch(/[\x7f-\x9f\u202e\u2028]/)
  expect(JSON.parse(data.text())).toMatchObject({ reason })
})

test('json prints one object at the end', async () => {
  const data = paper()
  await play('failed', jsonView(data.out, quietView(paper().out)))
  golden('json failed', data.text())
  expect(JSON.parse(data.text())).toMatchObject({ status: 'failed', exit_code: 3 })
})

test("the exit code of a run that a signal paused is that signal's", async () => {
  const data = paper()
  await play('paused', jsonView(data.out, quietView(paper().out)))
  expect(JSON.parse(data.text())).toMatchObject({ status: 'paused', exit_code: 130 })
})

test('quiet says one word when all is well, and how it ended when not', async () => {
  const well = paper()
  await play('succeeded', quietView(well.out))
  expect(well.text()).toMatch(/^\S+ succeeded\n$/)
  const ill = paper()
  await play('failed', quietView(ill.out))
  expect(ill.text()).toContain('runbook resume')
})
