/** What is known of each verb, for whoever reads one, checks it, judges it or keeps what came of it. */
import type { Fields } from './expression-types.ts'
import type { Attempt, Expression, VerbName } from './runbook.ts'

type Known = Fields['fields']

interface Facts {
  /** The fields of its result, for `expect`, `outputs` and `hints`. */
  result: Known
  /** Fields that are outputs of its step without being named there. */
  outputs?: readonly string[]
  /** What is expected where a runbook names nothing, besides that it could be done. */
  expects?: string
  /** Why it can be no check. */
  noCheck?: string
  /** Whether it can be no undo. */
  noUndo?: true
}

const DUMP: Known = { file: 'string', size: 'int', sha256: 'string', tables: 'int', at: 'string' }
/** A backup as its result tells it. `dyn`: halving a size should not be called a division of ints. */
const BACKUP: Known = {
  ...DUMP,
  previous: {
    called: 'field of a backup',
    fields: { file: 'dyn', size: 'dyn', sha256: 'dyn', tables: 'dyn', at: 'dyn' },
  },
}
const CHANGES = 'changes something'

export const VERBS: Record<VerbName, Facts> = {
  run: {
    result: {
      exit_code: 'int',
      stdout: 'string',
      stderr: 'string',
      output: 'string',
      json: 'dyn',
      duration_ms: 'int',
    },
    expects: 'exit_code == 0',
  },
  sql: { result: { rows: 'list', row_count: 'int', columns: 'list', duration_ms: 'int' } },
  http: {
    result: { status: 'int', headers: 'map', body: 'string', json: 'dyn', duration_ms: 'int' },
    expects: 'status >= 200 && status <= 299',
  },
  backup: { result: BACKUP, outputs: Object.keys(BACKUP), noCheck: CHANGES },
  restore: { result: BACKUP, outputs: Object.keys(DUMP), noCheck: CHANGES },
  load: {
    result: {
      requests: 'int',
      failed: 'int',
      rps: 'double',
      mean_ms: 'double',
      p50_ms: 'double',
      p95_ms: 'double',
      p99_ms: 'double',
    },
    expects: 'failed == 0',
  },
  // What it gives, only it knows.
  script: { result: {} },
  manual: { result: { by: 'string', at: 'string', note: 'string' }, outputs: ['by', 'at', 'note'] },
  notify: {
    result: { at: 'string' },
    noCheck: 'tells people something and asks nothing',
    noUndo: true,
  },
  // Its probes are its own.
  soak: { result: {}, noUndo: true },
}

/** The keys of the verbs in a runbook, in the order in which people are told of them. */
export const VERB_NAMES = Object.keys(VERBS) as VerbName[]

/** The verb of an action as it is written, the first when there are several. */
export function verbIn(file: object): VerbName | undefined {
  return VERB_NAMES.find((verb) => verb in file)
}

/** What is expected of an attempt that names nothing; it still holds where a use of it adds to that. */
export function ownExpectation({ action, at }: Pick<Attempt, 'action' | 'at'>): Expression[] {
  const { expects } = VERBS[action.verb]
  return expects === undefined ? [] : [{ source: expects, at }]
}
