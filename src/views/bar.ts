/** The last line of the live tree: how far the run is. */
import { cut, width, type Look } from '../lib/terminal.ts'
import type { FrameSize } from './frame.ts'
import type { Model } from './model.ts'
import { sofar } from './times.ts'
import { countsText } from './words.ts'

const LONGEST = 30

/** The bar over all steps, its numbers, the time, and what went wrong. */
export function barLine(model: Model, { columns, now }: FrameSize, look: Look): string {
  const { counts } = model
  const backward = model.toUndo !== undefined
  const total = backward ? Math.max(model.toUndo ?? 0, counts.undone ?? 0) : model.steps.size
  const over = backward
    ? (counts.undone ?? 0)
    : total - (counts.pending ?? 0) - (counts.running ?? 0) - (counts.waiting ?? 0)
  const ms = model.before_ms + now - model.begun
  const bad = countsText({ ...counts, done: 0, satisfied: 0, skipped: 0, undone: 0 }, look)
  const numbers = backward ? `${over} of ${total} undone` : `${over} of ${total} steps`
  const time = backward ? sofar(now - model.begun, undefined) : sofar(ms, model.estimate_s)
  const text = [numbers, time, bad].filter((part) => part !== '').join('   ')
  const long = Math.min(LONGEST, columns - width(text) - 3)
  if (long < 5) return cut(` ${text}`, columns)
  return ` ${drawn(over, total, long, backward, look)} ${text}`
}

function drawn(over: number, total: number, long: number, backward: boolean, look: Look): string {
  const full = total === 0 ? long : Math.floor((over / total) * long)
  const [on, off] = look.unicode ? ['━', '─'] : ['#', '-']
  const { green, yellow, dim } = look.colours
  return (backward ? yellow : green)(on.repeat(full)) + dim(off.repeat(long - full))
}
