/** The table of verbs. A soak is none of them: the engine drives it, from other actions. */
import type { VerbName } from '../core/runbook.ts'
import type { Verb } from './action.ts'
import { backup } from './backup.ts'
import { http } from './http.ts'
import { load } from './load.ts'
import { manual } from './manual.ts'
import { notify } from './notify.ts'
import { restore } from './restore.ts'
import { run } from './run.ts'
import { script } from './script.ts'
import { sql } from './sql.ts'

export const verbs: { [V in Exclude<VerbName, 'soak'>]: Verb<V> } = {
  run,
  sql,
  http,
  backup,
  restore,
  load,
  script,
  manual,
  notify,
}
