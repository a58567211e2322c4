/** The language's one definition: validation, types and the JSON Schema all come from here. */
import { z } from 'zod'
import { check, checks, during, role, soak, undo, verbs } from './schema-actions.ts'
import {
  duration,
  env,
  expression,
  handle,
  inputType,
  map,
  name,
  onFailure,
  oneOrMore,
  scalar,
  template,
  text,
  value,
} from './schema-values.ts'

const input = map({
  type: inputType.optional(),
  secret: z.boolean().optional(),
  default: scalar.optional(),
  pattern: text.optional(),
  enum: z.array(scalar).min(1).optional(),
  min_length: z.number().int().positive().optional(),
  title: text.optional(),
  refs: z.array(text).optional(),
})

const inputSource = z.union([
  scalar,
  map({
    env: text.optional(),
    file: text.optional(),
    command: z.array(text).min(1).optional(),
    random: z.number().int().min(8).max(1024).optional(),
  }),
])

const service = map({
  kind: z.enum(['postgres']).optional(),
  database: text.optional(),
  settings: z.record(z.string(), z.string()).optional(),
  run: text.optional(),
  env: env.optional(),
  ready: check.optional(),
}).meta({ description: 'Either `kind: postgres`, or `run` with a command.' })

/** Whatever is written of a host is for expressions. */
const host = z.object({ url: text.optional(), ssh: text.optional() }).catchall(scalar).meta({
  description:
    'A host: `url` and any other keys, as host.url and so on in expressions. With `ssh`, a destination, its `run` is done there.',
})
const smtp = map({
  url: template.optional(),
  host: template.optional(),
  port: z.union([z.number().int().min(1).max(65_535), template]).optional(),
  user: template.optional(),
  password: template.optional(),
  from: template,
  to: z.array(template).min(1),
}).meta({ description: 'Either `url`, or `host` with port, user and password.' })

const channel = map({
  webhook: template.optional(),
  headers: z.record(z.string(), template).optional(),
  slack: template.optional(),
  smtp: smtp.optional(),
  command: z.array(template).min(1).optional(),
}).meta({ description: 'Exactly one of webhook, slack, smtp, command.' })

const after = map({ step: text, at_least: duration }).meta({
  description: 'A timer that counts from the end of that step.',
})

const buildsOn = map({
  environment: text,
  at_least: duration.optional(),
  same: z.array(text).min(1).optional(),
}).meta({ description: 'What another environment must have proven before.' })

const environment = map({
  protected: z.boolean().optional(),
  after: buildsOn.optional(),
  on_failure: onFailure.optional(),
  inputs: z.record(z.string(), inputSource).optional(),
  services: z.record(name, service).optional(),
  path: z.array(text).optional(),
  cwd: text.optional(),
  hosts: z.record(name, z.record(handle, host)).optional(),
  manual: z.enum(['ask', 'assume']).optional(),
  wait: z.boolean().optional(),
  lock: handle.optional(),
  channels: z.record(name, channel).optional(),
  state: z.array(check).optional(),
}).meta({ id: 'environment' })

const output = z.union([expression, map({ value: expression, secret: z.boolean().optional() })])

const step = map({
  id: name,
  title: text.optional(),
  owner: text.optional(),
  estimate: text.optional(),
  refs: z.array(text).optional(),
  when: expression.optional(),
  after: after.optional(),
  approval: z.array(text).min(1).optional(),
  requires: checks.optional(),
  effect: z.enum(['once', 'idempotent', 'none']).optional(),
  ...verbs,
  soak: soak.optional(),
  ...role,
  secrets: z.array(text).optional(),
  outputs: z.record(name, output).optional(),
  skip_if_verified: z.boolean().optional(),
  verify: checks.optional(),
  during: during.optional(),
  rollback: z.union([z.literal('keep'), undo, z.array(undo).min(1)]).optional(),
  irreversible: text.optional(),
  scope: oneOrMore(text).optional(),
  hosts: text.optional(),
  batch: z.number().int().min(1).max(64).optional(),
  on_failure: onFailure.optional(),
  hints: z.array(map({ when: expression, say: text })).optional(),
}).meta({ id: 'step' })

const phase = map({
  id: name,
  title: text.optional(),
  owner: text.optional(),
  estimate: text.optional(),
  on_failure: onFailure.optional(),
  concurrent: z.number().int().min(1).max(64).optional(),
  steps: z.array(step).min(1),
})

export const runbook = map({
  runbook: handle,
  title: text,
  version: text,
  on_failure: onFailure.optional(),
  inputs: z.record(z.string(), input).optional(),
  environments: z.record(handle, environment),
  requires: checks.optional(),
  rollback_scopes: z.record(name, map({ title: text, with: z.array(text).optional() })).optional(),
  contacts: z.array(map({ role: text, reach: text })).optional(),
  phases: z.array(phase).min(1),
  finally: z.array(step).optional(),
}).meta({ title: 'runbook', description: 'A deployment runbook.' })

const param = map({
  type: inputType.optional(),
  secret: z.boolean().optional(),
  default: scalar.optional(),
  enum: z.array(scalar).min(1).optional(),
  title: text.optional(),
})

/** A file of `checks/`. */
export const checkFile = map({
  check: handle,
  title: text,
  description: text.optional(),
  params: z.record(name, param).optional(),
  example: z.record(z.string(), value).optional(),
  cannot_tell: text.optional(),
  ...verbs,
  ...role,
})

export type RunbookFile = z.infer<typeof runbook>
export type StepFile = z.infer<typeof step>
export type EnvironmentFile = z.infer<typeof environment>
export type ChannelFile = z.infer<typeof channel>
export type ServiceFile = z.infer<typeof service>
export type InputFile = z.infer<typeof input>
export type CheckUse = z.infer<typeof check>
export type UndoFile = z.infer<typeof undo>
export type CheckFile = z.infer<typeof checkFile>
export type ParamFile = z.infer<typeof param>
/** The keys that an action in any role may have. */
export type ActionFile = Pick<CheckUse, keyof typeof verbs | keyof typeof role | 'soak'>
export type SoakFile = z.infer<typeof soak>
export type ProbeFile = SoakFile['probes'][string]

/** The JSON Schema of a runbook's file, for editors; `template` strings are plain strings to it. */
export function jsonSchema(): Record<string, unknown> {
  const made = z.toJSONSchema(runbook, { target: 'draft-7', io: 'input' })
  return made
}
