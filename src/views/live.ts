/** The live tree on a terminal. listr2 gives it its life and its prompts; what is seen is `frame`. */
import { ListrInquirerPromptAdapter } from '@listr2/prompt-adapter-inquirer'
import type { ListrTaskWrapper } from 'listr2'
import type { Plan } from '../core/plan.ts'
import type { Choice, View } from '../core/view.ts'
import { cleanLine } from '../lib/clean.ts'
import type { Outlet } from '../lib/outlet.ts'
import type { Through } from './ask.ts'
import { endingText } from './ending.ts'
import { frame, phaseLine, WIDEST } from './frame.ts'
import { modelOf, takeEvent, takeProgress, type Model } from './model.ts'
import { painter } from './painter.ts'
import { outputText, type PlainOptions } from './plain.ts'
import { noteText } from './quiet.ts'
import { inTheirTime } from './times.ts'

const FRAME_MS = 90
const PROMPT_ROWS = 8

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listr2's own default for all three
type Task = ListrTaskWrapper<any, any, any>

/** The view for people at a terminal; paints on `out`, which must be standard error for prompts. */
export function liveView(
  out: Outlet,
  { verbose = false, now = Date.now }: PlainOptions = {},
): View {
  const places = new Map<string, string>()
  let plan: Plan | undefined
  let model: Model | undefined
  let task: Task | undefined
  let timer: NodeJS.Timeout | undefined
  let asking: Promise<unknown> = Promise.resolve()
  let questions = 0
  let ended = false
  /** What was printed while somebody was asked. */
  let held = ''

  const paint = (spare = 0) => {
    if (model === undefined || ended || (questions > 0 && spare === 0)) return
    const { rows, columns } = out.size()
    // A tree as high as the screen would push the output out of it at once.
    const room = Math.min(verbose ? Math.ceil(rows / 2) : rows, rows - spare)
    block.paint(frame(model, { rows: Math.max(2, room), columns, now: now() }, out.look()))
  }
  const block = painter(out, () => paint())

  /** Lines that stay above the tree; while somebody is asked they wait. */
  const keep = (text: string) => {
    if (ended) return
    held += text
    if (questions > 0 || held === '') return
    block.above(held)
    held = ''
  }

  const begin = () => {
    if (ended || timer !== undefined || out.gone() || model === undefined) return
    block.open()
    paint()
    timer = setInterval(() => paint(), FRAME_MS).unref()
  }

  const rest = () => {
    clearInterval(timer)
    timer = undefined
  }
  out.onGone(rest)

  /** One question at a time; the tree stands still above it and comes back below. */
  const ask = <T>(question: (through?: Through) => Promise<T>): Promise<T> => {
    const answer = asking.then(async () => {
      questions += 1
      paint(PROMPT_ROWS)
      block.close()
      try {
        return await question(task === undefined ? undefined : throughTask(task))
      } finally {
        questions -= 1
        if (!ended && timer !== undefined) block.open()
        keep('')
      }
    })
    // Where one was not answered it stops there: those that wait behind it hear the same.
    asking = answer
    return answer
  }

  return {
    start(newPlan, state, verb) {
      plan = newPlan
      model = modelOf(newPlan, state, verb, now())
      begin()
    },
    event(event, state) {
      if (model === undefined || plan === undefined) return
      takeEvent(model, event, state, plan)
      begin()
    },
    progress(progress) {
      if (progress.kind === 'place') places.set(progress.name, progress.url)
      if (verbose && progress.kind === 'output')
        keep(outputText(progress.step, progress.text, now(), out.look()))
      else if (model !== undefined) takeProgress(model, progress, now())
      // Before there is a tree it is simply said.
      else if (progress.kind === 'note') out.write(noteText(progress.text, out.look()))
    },
    adopt(wrapper) {
      task = wrapper as Task
    },
    async choose<T extends string>(question: string, choices: Choice<T>[]) {
      const { askChoice } = await import('./ask.ts')
      return ask((through) => askChoice(question, choices, out.look(), through))
    },
    async prompt(question) {
      const { askText } = await import('./ask.ts')
      return ask((through) => askText(question, out.look(), through))
    },
    renderer: rendererFor(begin, paint),
    end(state) {
      if (plan === undefined || model === undefined || ended) return
      rest()
      block.erase()
      block.close()
      ended = true
      const ending = endingText(plan, state, out.look(), places)
      out.write(held + lastScreen(model, ending, out, now()))
    },
  }
}

/** listr2 makes one for each list it runs; where it has no terminal for its own, ours still serves. */
function rendererFor(begin: () => void, paint: () => void): unknown {
  return class {
    static rendererOptions = {}
    static rendererTaskOptions = {}
    // It asks about standard output; ours paints on standard error.
    static nonTTY = true
    render = begin
    end = () => paint()
  }
}

function throughTask(task: Task): Through {
  const adapter = task.prompt(ListrInquirerPromptAdapter)
  // It takes the prompt, its config and its context, but its types cannot say so of every prompt.
  return adapter.run.bind(adapter) as unknown as Through
}

/** What stays on the terminal: the phases, the notes, and how it ended. */
function lastScreen(model: Model, ending: string, out: Outlet, now: number): string {
  const look = out.look()
  const columns = Math.max(1, Math.min(out.size().columns - 1, WIDEST))
  // After a success the ending itself tells what each phase took.
  const phases = model.status === 'succeeded' ? [] : model.phases
  const tree = phases.map((phase) => phaseLine(phase, false, { columns, now }, look))
  const notes = model.notes.map((note) =>
    look.colours.yellow(` ! ${cleanLine(inTheirTime(note, look), look)}`),
  )
  return [...tree, ...notes].map((line) => `${line}\n`).join('') + ending
}
