/** What the process of an action sees. */
import { resolve as absolute, delimiter } from 'node:path'
import type { Plan } from '../core/plan.ts'
import type { Step } from '../core/runbook.ts'
import { createMasker } from '../core/secrets.ts'
import { textOf } from '../core/templates.ts'
import { pgEnvironment } from '../lib/database-url.ts'
import type { Role } from './attempt.ts'
import type { Bound } from './runtime.ts'

/** What a plan was bound to, as far as processes are concerned. */
export type BoundForProcess = Pick<Bound, 'root' | 'inputs' | 'secrets' | 'withheld'> & {
  plan: { environment: Pick<Plan['environment'], 'path'> }
}

/** Who acts; `host` is the one that the step runs on, as expressions see it. */
export type ActsAs = Pick<Role, 'kind' | 'run' | 'attempt' | 'epoch' | 'part'> & {
  step?: Pick<Step, 'id' | 'secrets' | 'on'>
  host?: Record<string, unknown>
}

/** The tool's own: the key opens what is sealed, the store's URL holds a password. */
const OWN = ['RUNBOOK_KEY', 'RUNBOOK_STORE']

/** Where libpq would otherwise go, or who it would be, when only some of its variables are set. */
const CONNECTION =
  `PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGSSLMODE
  PGREQUIRESSL PGREQUIREPEER PGTARGETSESSIONATTRS PGCHANNELBINDING`.split(/\s+/)

/**
 * The operator's environment, less the secrets that the step does not name, plus the inputs in
 * capitals and who is acting. The environment's own folders come first on PATH.
 */
export function processEnvironment(
  bound: BoundForProcess,
  role: ActsAs,
  operator: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const step = role.step?.id ?? ''
  const undo = role.kind === 'undo' ? ['undo', String(role.part ?? 0)] : []
  return {
    ...common(bound, role.step?.secrets ?? [], operator),
    RUNBOOK_RUN_ID: role.run,
    RUNBOOK_STEP: role.step?.on?.step ?? step,
    RUNBOOK_ATTEMPT: String(role.attempt),
    RUNBOOK_EPOCH: String(role.epoch),
    // The same for every attempt: who receives it twice has done it already.
    RUNBOOK_IDEMPOTENCY_KEY: [role.run, step, ...undo].join('-'),
    ...hostVariables(role.host ?? {}),
  }
}

/** `RUNBOOK_HOST` is its name; what else is known of it is `RUNBOOK_HOST_URL` and so on. */
function hostVariables({ name, ...facts }: Record<string, unknown>): Record<string, string> {
  if (name === undefined) return {}
  const known = Object.entries(facts).map(([key, value]) => [
    `RUNBOOK_HOST_${key.toUpperCase()}`,
    textOf(value),
  ])
  return { RUNBOOK_HOST: textOf(name), ...(Object.fromEntries(known) as Record<string, string>) }
}

/** The same for all steps that name the same secrets, and asked for thousands of times. */
const remembered = new WeakMap<object, Map<string, Record<string, string>>>()

function common(
  bound: BoundForProcess,
  named: readonly string[],
  operator: NodeJS.ProcessEnv,
): Record<string, string> {
  if (operator !== process.env) return build(bound, named, operator)
  const known = remembered.get(bound.secrets) ?? new Map<string, Record<string, string>>()
  remembered.set(bound.secrets, known)
  const key = named.join(' ')
  const made = known.get(key) ?? build(bound, named, operator)
  known.set(key, made)
  return made
}

function build(
  bound: BoundForProcess,
  named: readonly string[],
  operator: NodeJS.ProcessEnv,
): Record<string, string> {
  const visible = (name: string) => !bound.secrets.has(name) || named.includes(name)
  const hidden = [...bound.secrets].filter(([name]) => !visible(name))
  const env = withheldFrom(operator, bound.withheld, hidden)
  for (const [name, value] of Object.entries(bound.inputs)) {
    if (visible(name)) env[name.toUpperCase()] = textOf(value)
  }
  const { database_url: database } = bound.inputs
  const isPostgres = typeof database === 'string' && /^postgres(ql)?:/i.test(database)
  if (isPostgres && visible('database_url')) {
    for (const name of CONNECTION) delete env[name]
    Object.assign(env, pgEnvironment(database))
  }
  const folders = bound.plan.environment.path.map((folder) => absolute(bound.root, folder))
  const path = [...folders, ...(env.PATH ? [env.PATH] : [])]
  if (path.length > 0) env.PATH = path.join(delimiter)
  return env
}

/**
 * An environment without the tool's own secrets, without the variables that are named, and without
 * those that hold one of these secrets, alone or within something else.
 */
export function withheldFrom(
  operator: NodeJS.ProcessEnv,
  variables: readonly string[],
  secrets: Iterable<readonly [string, string]> = [],
): Record<string, string> {
  const masker = createMasker(secrets)
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(operator)) {
    if (value === undefined || OWN.includes(name) || variables.includes(name)) continue
    if (masker.mask(value) === value) env[name] = value
  }
  return env
}
