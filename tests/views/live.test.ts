import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { outlet, type OutStream } from '../../src/lib/outlet.ts'
import { width } from '../../src/lib/terminal.ts'
import { liveView } from '../../src/views/live.ts'
import { painter } from '../../src/views/painter.ts'
import { bigPlan, journal, paper } from './fixture.ts'
import { screen } from './screen.ts'

const ROWS = 24
const COLUMNS = 80

function terminal(rows = ROWS, columns = COLUMNS) {
  const shown = screen(rows, columns)
  let failing = false
  const stream: OutStream = {
    isTTY: true,
    rows,
    columns,
    write(text) {
      if (failing) throw new Error('EIO')
      shown.write(text)
      return true
    },
    on: () => undefined,
    off: () => undefined,
  }
  return { shown, out: outlet(stream, {}), breakIt: () => (failing = true) }
}

describe('the painter', () => {
  test('shows the last block and nothing of those before, whatever came', () => {
    const { shown, out } = terminal()
    out.write('$ runbook deploy\r\n')
    const block = painter(out, () => undefined)
    block.open()
    let seed = 7
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below
    for (let i = 0; i < 300; i++) {
      const lines = Array.from({ length: random(ROWS - 1) }, () => 'x'.repeat(random(COLUMNS)))
      block.paint(lines)
      const expected = lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
      expect(shown.rows().slice(shown.rows().length - expected.length)).toEqual(expected)
    }
    block.paint(['last'])
    block.erase()
    block.close()
    expect(shown.rows().join('')).not.toContain('last')
    expect(shown.unknown).toEqual([])
    expect(shown.cursorShown()).toBe(true)
  })

  test('writes nothing when nothing changed, and only the line that did', () => {
    const { out, text } = paper({ isTTY: true, rows: ROWS, columns: COLUMNS })
    const block = painter(out, () => undefined)
    block.open()
    block.paint(['one', 'two'])
    const once = text().length
    block.paint(['one', 'two'])
    expect(text()).toHaveLength(once)
    block.paint(['one', 'three'])
    expect(text().slice(once)).not.toContain('one')
    block.close()
  })

  test('after a resize the block is drawn anew, once', () => {
    const { out, text, resize } = paper({ isTTY: true, rows: ROWS, columns: COLUMNS })
    let repaints = 0
    const block = painter(out, () => (repaints += 1))
    block.open()
    block.paint(['x'.repeat(60), 'two'])
    const before = text().length
    resize(40, 10)
    // The first line now takes two rows of 40 columns.
    expect(text().slice(before)).toContain('\x1b[3A')
    expect(repaints).toBe(1)
    block.close()
  })
})

describe('the live view', () => {
  test('leaves how it ended on the terminal, and the cursor', async () => {
    const { shown, out } = terminal(60)
    const view = liveView(out)
    const run = journal(view)
    view.start(bigPlan(), run.state, 'deploy')
    expect(shown.cursorShown()).toBe(false)
    for (const { id } of bigPlan().steps) run.good(id)
    run.add({ type: 'run.finished', status: 'succeeded', exit_code: 0 })
    await view.end(run.state)
    expect(shown.cursorShown()).toBe(true)
    expect(shown.unknown).toEqual([])
    const text = shown.rows().join('\n')
    expect(text).toContain('qr-login 1.0 is deployed to sandbox.')
    expect(text).toContain('runbook rollback 20250614-021000-k3v9')
    expect(text).not.toContain('of 40 steps')
  })

  test('with -v the output of steps stays, above a tree of half the screen', async () => {
    const { shown, out } = terminal()
    const view = liveView(out, { verbose: true })
    const run = journal(view)
    const { steps } = bigPlan()
    view.start(bigPlan(), run.state, 'deploy')
    const print = (text: string) => {
      view.progress({ kind: 'output', step: steps[0]?.id ?? '', text })
    }
    print('one\n')
    for (let i = 0; i < 7; i++) print(`more ${i}\n\x1b[2Jtwice ${i}\n`)
    const rows = shown.rows()
    const last = rows.findLastIndex((row) => row.includes('│ \\x1b[2Jtwice 6'))
    expect(rows[last - 1]).toContain(`${steps[0]?.id} │ more 6`)
    expect(last).toBeGreaterThanOrEqual(10)
    expect(rows[last + 1]).toContain('deploy qr-login')
    expect(rows.join('\n').match(/more 6/g)).toHaveLength(1)
    for (const { id } of steps) run.good(id)
    run.add({ type: 'run.finished', status: 'succeeded', exit_code: 0 })
    await view.end(run.state)
    expect(shown.unknown).toEqual([])
    expect(shown.rows().join('\n')).toContain('is deployed to sandbox')
    expect(shown.rows().join('\n')).not.toContain('of 40 steps')
  })

  test('without -v only the tree has it', () => {
    const { out, text } = paper({ isTTY: true, rows: ROWS, columns: COLUMNS })
    const view = liveView(out)
    view.start(bigPlan(), journal(view).state, 'deploy')
    const before = text()
    view.progress({ kind: 'output', step: bigPlan().steps[0]?.id ?? '', text: 'one\n' })
    expect(text()).toBe(before)
  })

  test('a terminal that is gone stops no run', async () => {
    const { out, breakIt } = terminal()
    const view = liveView(out)
    const run = journal(view)
    view.start(bigPlan(), run.state, 'deploy')
    breakIt()
    for (const { id } of bigPlan().steps) run.good(id)
    view.progress({ kind: 'note', text: 'hello' })
    await view.end(run.state)
    expect(out.gone()).toBe(true)
  })

  test('what is said before there is a run is said at once', () => {
    const { out, text } = paper({ isTTY: true, rows: ROWS, columns: COLUMNS })
    liveView(out).progress({ kind: 'note', text: 'a.yaml:1:1: warning\n  1 | x' })
    expect(text()).toContain('a.yaml:1:1: warning')
    expect(text()).toContain('  1 | x')
  })
})

/** In a real pseudo-terminal, through listr2. */
function inPty(command: string): Promise<{ stdout: string }> {
  const node = `'${process.execPath}'`
  const line = `stty rows ${ROWS} cols ${COLUMNS}; ${node} tests/views/${command}`
  const env = { ...process.env, TERM: 'xterm-256color', NO_COLOR: '', CI: '' }
  return promisify(execFile)('script', ['-qfc', line, '/dev/null'], { env })
}

const havePty = (() => {
  try {
    execFileSync('script', ['--version'])
    return true
  } catch {
    return false
  }
})()

describe.skipIf(!havePty)('in a real pseudo-terminal', () => {
  test.each(['demo.ts 60', 'demo.ts 60 rollback', 'demo.ts 60 die', 'demo.ts 60 quit'])(
    '%s',
    async (command) => {
      const { stdout } = await inPty(command).catch((error: unknown) => error as { stdout: string })
      const hidden = stdout.lastIndexOf('\x1b[?25l')
      expect(hidden).toBeGreaterThanOrEqual(0)
      expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(hidden)
      expect(stdout.lastIndexOf('\x1b[?7h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?7l'))
      for (const line of stdout.split(/[\r\n]+/)) expect(width(line), line).toBeLessThanOrEqual(80)
      // No more than a dozen pictures a second, or so: each begins with the same sequence.
      expect(stdout.split('\x1b[?2026h').length).toBeLessThan(120)
      if (command.includes('rollback')) expect(stdout).toContain('\\x1b[2Jgone')
      const shown = screen(ROWS, COLUMNS)
      shown.write(stdout)
      expect(shown.unknown).toEqual([])
    },
    20_000,
  )
})
