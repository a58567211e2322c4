/** Paints a block of lines at the bottom of a terminal, again and again, in the same place. */
import { width } from '../lib/terminal.ts'
import type { Outlet } from '../lib/outlet.ts'

const CSI = '\u001b['
// Terminals that know it show the block at once instead of line by line; others ignore it.
const TOGETHER = { begin: `${CSI}?2026h`, end: `${CSI}?2026l` }
// Should the terminal count a sign wider than we do, the line is cut off there and not broken in two.
const WRAP = { off: `${CSI}?7l`, on: `${CSI}?7h` }
const CURSOR = { hide: `${CSI}?25l`, show: `${CSI}?25h` }
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const
const ERASE_LINE = `${CSI}2K`
const ERASE_BELOW = `${CSI}J`

export interface Painter {
  /** Hides the cursor and takes the place below what stands there. */
  open(): void
  /** Draws the lines over those drawn before; only what differs is written. */
  paint(lines: readonly string[]): void
  /** Writes lines that stay, above the block. */
  above(text: string): void
  /** Takes the block away. */
  erase(): void
  /** Leaves the block as it is, below which something else may be written; shows the cursor. */
  close(): void
}

/** One block on one terminal. `repaint` is called when the lines are to be drawn anew. */
export function painter(out: Outlet, repaint: () => void): Painter {
  let drawn: readonly string[] = []
  let isOpen = false
  let stopListening: (() => void)[] = []

  const up = (lines: number) => (lines > 0 ? `\r${CSI}${lines}A` : '\r')

  /** After a resize the terminal may have broken long lines: count the rows they take now. */
  const rowsNow = () => {
    const { columns } = out.size()
    return drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0)
  }

  const erase = () => {
    if (drawn.length === 0) return
    // Line by line: some terminals keep a copy of a screen that is cleared as a whole.
    const rows = Math.min(rowsNow(), out.size().rows - 1)
    out.write(up(rows) + `${ERASE_LINE}\r\n`.repeat(rows) + up(rows))
    drawn = []
  }

  const showCursor = () => out.write(CURSOR.show)

  // Ctrl-Z: the shell gets the terminal as it was, and after `fg` the block is drawn below.
  const suspend = () => {
    close()
    process.once('SIGCONT', () => {
      open()
      repaint()
    })
    process.kill(process.pid, 'SIGTSTP')
  }

  // Where nobody else has a use for the signal it ends the process, but not without its cursor.
  const die = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return
    close()
    process.kill(process.pid, signal)
  }

  const open = () => {
    if (isOpen) return
    isOpen = true
    drawn = []
    out.write(CURSOR.hide)
    const resized = out.onResize(() => {
      erase()
      repaint()
    })
    process.once('exit', showCursor)
    process.once('SIGTSTP', suspend)
    for (const signal of DEADLY) process.on(signal, die)
    stopListening = [
      resized,
      () => process.off('exit', showCursor),
      () => process.off('SIGTSTP', suspend),
      ...DEADLY.map((signal) => () => process.off(signal, die)),
    ]
  }

  const close = () => {
    if (!isOpen) return
    isOpen = false
    drawn = []
    for (const stop of stopListening) stop()
    showCursor()
  }

  return {
    open,
    close,
    erase,
    above(text) {
      out.write(TOGETHER.begin)
      erase()
      out.write(text)
      repaint()
      out.write(TOGETHER.end)
    },
    paint(lines) {
      if (!isOpen || same(lines, drawn)) return
      let text = TOGETHER.begin + WRAP.off + up(drawn.length)
      for (const [i, line] of lines.entries())
        text += line === drawn[i] ? '\r\n' : `${ERASE_LINE}${line}\r\n`
      if (lines.length < drawn.length) text += ERASE_BELOW
      out.write(text + WRAP.on + TOGETHER.end)
      drawn = lines
    },
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}
