import { expect, test } from 'vitest'
import { manual } from '../../src/actions/manual.ts'
import { script } from '../../src/actions/script.ts'
import { context } from './context.ts'

const action = (args: Record<string, string> = {}) => ({
  verb: 'script' as const,
  file: 'checks/a.mjs',
  args,
})
const module = (text: string) => ({ files: { 'checks/a.mjs': text } })

test('a script has zx and its arguments, and returns fields', async () => {
  const at = context(
    { n: 3n, text: '$(touch hacked)' },
    module(
      `export default async ({ n, text }) => ({ n, out: (await $\`printf %s \${text}\`).stdout })`,
    ),
  )
  const { fields, problem } = await script.perform(
    action({ n: '${{ inputs.n }}', text: '${{ inputs.text }}' }),
    at,
  )
  expect(problem).toBeUndefined()
  expect(fields).toEqual({ n: 3, out: '$(touch hacked)' })
  expect(at.gated).toHaveLength(1)
  expect(at.gated[0]).toBeDefined()
})

test.each([
  ['a value', 'export default () => 5', { value: 5 }],
  ['nothing', 'export default () => {}', { value: null }],
])('one that returns %s', async (_name, text, expected) => {
  expect((await script.perform(action(), context({}, module(text)))).fields).toEqual(expected)
})

test('packages of the tool are there wherever a script runs', async () => {
  const text = `import { $ } from 'zx'
    import pg from 'pg'
    export default () => ({ zx: typeof $, pg: typeof pg.Client })`
  const { fields } = await script.perform(action(), context({}, module(text)))
  expect(fields).toEqual({ zx: 'function', pg: 'function' })
  const missing = module(`import 'no-such-package'\nexport default () => 1`)
  const { tail } = await script.perform(action(), context({}, missing))
  expect(tail).toContain('no-such-package')
})

test('all of zx is in its globals; fetch is Node’s own', async () => {
  const text = `import * as zx from 'zx'
    export default () => Object.keys(zx).filter((n) => n !== 'default' && globalThis[n] !== zx[n])`
  const { fields } = await script.perform(action(), context({}, module(text)))
  expect(fields).toEqual({ value: ['fetch'] })
})

test.each([
  ['throws', `export default () => { throw new Error('not there') }`, 'failed', 'not there'],
  ['runs a command that fails', 'export default () => $`false`', 'failed', ''],
  ['runs what is not there', 'export default () => $`no-such-program`', 'cannot_tell', '127'],
  ['exports nothing', 'export const a = 1', 'failed', 'default export'],
  ['is no module', 'export default (', 'failed', ''],
])('one that %s', async (_name, text, kind, message) => {
  const { problem } = await script.perform(action(), context({}, module(text)))
  expect(problem).toMatchObject({ kind })
  expect(problem?.message).toContain(message)
})

test('one that returns why it cannot tell gives no answer', async () => {
  const text = `export default () => ({ cannot_tell: 'the server is gone' })`
  const { fields, problem } = await script.perform(action(), context({}, module(text)))
  expect(fields).toEqual({})
  expect(problem).toEqual({ kind: 'cannot_tell', message: 'the server is gone' })
})

test('a script that hangs is ended', async () => {
  const at = context(
    {},
    {
      ...module('export default () => new Promise(() => setInterval(() => {}, 9e9))'),
      timeout_ms: 500,
    },
  )
  expect((await script.perform(action(), at)).problem).toMatchObject({ kind: 'timeout' })
})

test('its end is read back from the receipt', async () => {
  const at = context({}, module('export default () => ({ a: 1 })'))
  await script.perform(action(), at)
  const found = await script.recover?.(action(), at, () => {}, at.gated[0])
  expect(found).toMatchObject({ state: 'ended', outcome: { fields: { a: 1 } } })
})

test('a person’s word is a result, and their no a failure', async () => {
  const ask = {
    verb: 'manual' as const,
    role: 'DevOps',
    ask: 'Look at ${{ inputs.x }}',
    confirm: ['seen'],
  }
  const asked: unknown[] = []
  const at = (yes: boolean) =>
    context(
      { x: 'it' },
      {
        ask: async (question) => {
          asked.push(question)
          return { yes, by: 'ana', note: 'it smokes' }
        },
      },
    )
  const { fields, problem } = await manual.perform(ask, at(true))
  expect(asked).toEqual([{ role: 'DevOps', ask: 'Look at it', confirm: ['seen'] }])
  expect(fields).toMatchObject({
    by: 'ana',
    note: 'it smokes',
    at: expect.stringMatching(/Z$/) as string,
  })
  expect(problem).toBeUndefined()
  expect((await manual.perform(ask, at(false))).problem).toEqual({
    kind: 'failed',
    message: 'ana said no: it smokes',
  })
})

test('a question that nobody can answer arms nothing', async () => {
  const at = context()
  const ask = { verb: 'manual' as const, role: 'DevOps', ask: 'Look', confirm: [] }
  await expect(manual.perform(ask, at)).rejects.toThrow('nobody can answer')
  expect(at.gated).toEqual([])
})
