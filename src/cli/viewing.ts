/** Which view shows a run: by the terminal there is, and by what was asked for. */
import type { View } from '../core/view.ts'
import { outlet } from '../lib/outlet.ts'
import { canPaint } from '../lib/terminal.ts'
import { quietView } from '../views/quiet.ts'
import type { RunFlags } from './flags.ts'

type Wishes = Pick<RunFlags, 'output' | 'quiet' | 'verbose' | 'input'>

/** Progress goes to standard error, data to standard output; a terminal gets the live tree. */
export async function viewFor(flags: Wishes): Promise<View> {
  const progress = await progressView(flags)
  const out = outlet(process.stdout)
  const view = await dataView(flags.output, out, progress)
  if (flags.input && process.stdin.isTTY) return view
  return withoutQuestions(view)
}

/** Nobody can be asked: a view without questions says so to whoever would ask. */
function withoutQuestions(view: View): View {
  const mute = { ...view }
  delete mute.choose
  delete mute.prompt
  return mute
}

async function dataView(
  form: Wishes['output'],
  out: ReturnType<typeof outlet>,
  progress: View,
): Promise<View> {
  if (form === 'json') return (await import('../views/json.ts')).jsonView(out, progress)
  if (form === 'ndjson') return (await import('../views/ndjson.ts')).ndjsonView(out, progress)
  return progress
}

async function progressView({ quiet, verbose, output }: Wishes): Promise<View> {
  const err = outlet(process.stderr)
  if (quiet === true) return quietView(err)
  const options = { verbose: verbose === true }
  if (err.terminal && canPaint(process.stderr) && output !== 'ndjson')
    return (await import('../views/live.ts')).liveView(err, options)
  return (await import('../views/plain.ts')).plainView(err, options)
}
