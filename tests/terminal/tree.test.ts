import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { newestIn } from '../crash/record.ts'
import { project } from '../tool.ts'
import { terminal, titled, tmux, type Terminal } from './tmux.ts'

const PHASES = ['Validate', 'Migrate', 'Seed', 'Deploy', 'Test', 'Observe']
const HELD = [4, 12, 20, 33]

/** Six phases, forty steps; the second and the fifth phase run four at once. The held ones wait for a word. */
function demo(failing?: number): string {
  let step = 0
  const phases = PHASES.map((title, p) => {
    const count = p === 3 ? 10 : 6
    const steps = Array.from({ length: count }, () => {
      step += 1
      const id = `s${String(step).padStart(2, '0')}`
      const wait = HELD.includes(step) ? `while [ ! -e go-${step} ]; do sleep 0.05; done; ` : ''
      const end = step === failing ? 'echo it broke; false' : `touch ${id}`
      const talk = `exec 9<> <(:); for i in 1 2 3; do printf 'line %d of ${id} \\u65e5\\u672c \\033[31mred %0300d\\n' $i 0; read -rt 0.02 <&9 || true; done; `
      return `      - id: ${id}
        title: Step number ${step} with a title of some length
        estimate: 10s
        run: ${JSON.stringify(talk + wait + end).replaceAll('\\\\u', '\\u')}
        verify: { run: test -e ${id} }
        rollback: { run: rm -f ${id}, verify: inverse }
`
    })
    const together = p === 1 || p === 4 ? '    concurrent: 4\n' : ''
    return `  - id: ${title.toLowerCase()}\n    title: ${title} everything\n${together}    steps:\n${steps.join('')}`
  })
  return `runbook: demo
title: A demonstration
version: "1"
environments:
  test: {}
  back: { on_failure: rollback }
phases:
${phases.join('')}`
}

let made: ReturnType<typeof project> | undefined
let open: Terminal | undefined
afterEach(() => {
  open?.dispose()
  made?.dispose()
  open = made = undefined
})

const HEAD = /^ (deploy|rollback) demo 1 → (test|back)/m
const BAR = /^ [━─]+ (\d+) of (\d+) (steps|undone)|^ (\d+) of \d+ (steps|undone)/
const PHASE = /^ +(Validate|Migrate|Seed|Deploy|Test|Observe) ev/
const STEP = /^ {3}(\S) Step number (\d+) /
const KNOWN = [
  HEAD,
  BAR,
  /^ [✓▸·✗↶=!-] (Validate|Migrate|Seed|Deploy|Test|Observe) ev/,
  STEP,
  /^ {3,5}… \d+ more (steps?|phases?) (above|below)$/,
  /^ {3}│( |$)/,
  /^ {3}s\d\d$/,
  /^ ! /,
  /^$/,
]
const SPINNER = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/

/** What is wrong with a picture of the tree. */
function torn(rows: readonly string[], size: { rows: number; columns: number }): string[] {
  const wrong: string[] = []
  const count = (pattern: RegExp) => rows.filter((row) => pattern.test(row)).length
  if (rows.length > size.rows) wrong.push(`${rows.length} rows`)
  if (count(HEAD) !== 1) wrong.push(`${count(HEAD)} heads`)
  if (count(BAR) !== 1) wrong.push(`${count(BAR)} bars`)
  if (!HEAD.test(rows[0] ?? '')) wrong.push('the head is not at the top')
  const last = rows.findLast((row) => row !== '')
  if (last === undefined || !BAR.test(last)) wrong.push('something stands below the bar')
  for (const row of rows) if (!KNOWN.some((known) => known.test(row))) wrong.push(`torn: ${row}`)
  for (const title of PHASES)
    if (count(new RegExp(`^ \\S ${title} ev`)) > 1) wrong.push(`${title} twice`)
  const numbers = rows.flatMap((row) => STEP.exec(row)?.[2] ?? [])
  if (new Set(numbers).size < numbers.length) wrong.push(`a step twice: ${numbers.join()}`)
  if (numbers.join() !== [...numbers].sort((a, b) => Number(a) - Number(b)).join())
    wrong.push(`out of order: ${numbers.join()}`)
  return wrong.length === 0 ? [] : [...wrong, ...rows]
}

const isTree = (rows: readonly string[]) => rows.some((row) => HEAD.test(row) || BAR.test(row))

/** Looks at the tree again and again; at each held step waits until it is seen at work, then lets it go. */
async function watch(
  t: Terminal,
  root: string,
  size: { rows: number; columns: number },
  held: readonly number[],
): Promise<number> {
  await t.shows(HEAD)
  let looked = 0
  for (const step of held) {
    const atWork = new RegExp(`${SPINNER.source} Step number ${step} `)
    for (const over = performance.now() + 20_000; ; looked += 1) {
      const rows = await t.screen()
      expect(torn(rows, size)).toEqual([])
      if (rows.some((row) => atWork.test(row))) break
      if (performance.now() > over)
        throw new Error(`step ${step} never at work:\n${rows.join('\n')}`)
      await sleep(15)
    }
    expect(t.cursorShown()).toBe(false)
    writeFileSync(join(root, `go-${step}`), '')
  }
  return looked
}

describe.skipIf(!tmux)(titled('the live tree on a terminal'), () => {
  test.each([
    { rows: 24, columns: 80 },
    { rows: 10, columns: 80 },
    { rows: 24, columns: 200 },
    { rows: 50, columns: 40 },
  ])(
    'six phases and forty steps at $rows rows and $columns columns',
    async (size) => {
      made = project('demo', demo())
      const t = (open = terminal(made.root, ['deploy', 'demo', '--env', 'test'], size))
      expect(await watch(t, made.root, size, HELD)).toBeGreaterThan(20)
      // To the end: either a whole tree or the last screen, never both.
      for (;;) {
        const rows = await t.screen()
        if (!isTree(rows)) break
        expect(torn(rows, size)).toEqual([])
      }
      expect(await t.exit()).toBe(0)
      const all = t.everything()
      expect(all.filter((row) => HEAD.test(row) || BAR.test(row) || STEP.test(row))).toEqual([])
      expect(all.join('\n')).toMatch(
        /demo 1 is deployed to test\.[^]*took[^]*Observe ev[^]*runbook rollback/,
      )
      expect(all.filter((row) => PHASE.test(row))).toHaveLength(PHASES.length)
      expect(t.cursorShown()).toBe(true)
    },
    60_000,
  )

  test('a step fails and everything is rolled back', async () => {
    made = project('demo', demo(34))
    const size = { rows: 24, columns: 80 }
    const t = (open = terminal(made.root, ['deploy', 'demo', '--env', 'back'], size))
    await watch(t, made.root, size, HELD)
    let backwards = 0
    for (;;) {
      const rows = await t.screen()
      if (!isTree(rows)) break
      expect(torn(rows, size)).toEqual([])
      if (rows.some((row) => /of 34 undone/.test(row))) backwards += 1
    }
    expect(backwards).toBeGreaterThan(3)
    expect(await t.exit()).toBe(4)
    const all = t.everything().join('\n')
    expect(all).toMatch(/rolled back: 34 steps? undone/)
    expect(all).toMatch(/step +s34 [^]*output +│[^]*it broke/)
    expect(all.match(/^ \S \S+ ev/gm)).toHaveLength(PHASES.length)
    expect(t.cursorShown()).toBe(true)
  }, 60_000)

  test('the window is resized in the middle, smaller and larger', async () => {
    made = project('demo', demo())
    const t = (open = terminal(made.root, ['deploy', 'demo', '--env', 'test']))
    const sizes = [
      { rows: 24, columns: 80 },
      { rows: 12, columns: 60 },
      { rows: 40, columns: 160 },
      { rows: 24, columns: 80 },
    ]
    for (const [i, size] of sizes.entries()) {
      t.resize(size.rows, size.columns)
      await t.shows(new RegExp(`${SPINNER.source} Step number ${HELD[i]} `))
      // The picture before the resize is the terminal's to keep; the one below it must be whole.
      const rows = await t.screen()
      const from = rows.findLastIndex((row) => HEAD.test(row))
      expect(from, rows.join('\n')).toBeGreaterThanOrEqual(0)
      expect(torn(rows.slice(from), size)).toEqual([])
      writeFileSync(join(made.root, `go-${HELD[i]}`), '')
    }
    expect(await t.exit()).toBe(0)
    expect(t.cursorShown()).toBe(true)
    expect((await newestIn(made.root))[0]).toBe('succeeded')
  }, 60_000)
})
