/** The table of verbs. */
import type { VerbName } from '../core/runbook.ts'
import type { Verb } from './action.ts'
import { run } from './run.ts'

/** A verb whose file is still to come. */
const later = {
  expectation: 'false',
  perform: () => Promise.reject(new Error('this verb cannot be done yet')),
}

export const verbs: { [V in VerbName]: Verb<V> } = {
  run,
  sql: later,
  http: later,
  backup: later,
  restore: later,
  load: later,
  script: later,
  manual: later,
}
