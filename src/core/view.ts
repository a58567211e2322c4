/** The contract between the engine and whatever shows it: a view decides nothing. */
import type { Event } from './events.ts'
import type { Plan } from './plan.ts'
import type { RunState } from './state.ts'

/** What happens now and is not in the journal. All texts are redacted. */
export type Progress =
  /** What the step is doing at this moment. */
  | {
      kind: 'doing'
      step: string
      what:
        'asking first' | 'doing' | 'still running' | 'verifying' | 'undoing' | 'verifying the undo'
      detail?: string
    }
  /** A soak has taken another sample of each probe. */
  | ({ kind: 'watching'; step: string } & Watching)
  /** This process stays until a time, UTC; said again every second. */
  | { kind: 'waiting'; step: string; until: string }
  /** Lines of output of the running step. */
  | { kind: 'output'; step: string; text: string }
  /** Something a person should read: "finishing step X, then pausing", a service starting. */
  | { kind: 'note'; text: string; step?: string }
  /** Where something can be looked at, known only now: a service's URL, a bound input. No secrets. */
  | { kind: 'place'; name: string; url: string }

/** How a soak stands. */
export interface Watching {
  watched_ms: number
  /** Left out where the step's own end is the end of it. */
  for_ms?: number
  /** The figures of each probe's last sample. */
  last: Record<string, Record<string, number>>
  bad: number
}

export interface Choice<T extends string = string> {
  value: T
  label: string
}

export interface View {
  /** Before the first event of this process; `state` holds what earlier processes did. */
  start(plan: Plan, state: RunState, verb: 'deploy' | 'resume' | 'rollback'): void
  /** After the event is durable; `state` already contains it. */
  event(event: Event, state: RunState): void
  progress(progress: Progress): void
  /** Only views on a terminal have it. The text prompt gives back what was typed. */
  choose?<T extends string>(question: string, choices: Choice<T>[]): Promise<T>
  prompt?(question: string): Promise<string>
  /** Hands over listr2's task of the step that begins, through which prompts are shown. */
  adopt?(task: unknown): void
  /** The renderer for listr2; only the live view has one. */
  renderer?: unknown
  /** After the last event. Leaves the terminal as it found it. */
  end(state: RunState): void | Promise<void>
}
