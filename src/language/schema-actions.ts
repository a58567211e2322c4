/** The schema of actions in their three roles: done, asked, undone. */
import { z } from 'zod'
import {
  duration,
  env,
  expression,
  expressions,
  handle,
  map,
  name,
  oneOrMore,
  template,
  text,
  value,
} from './schema-values.ts'

const count = z.union([z.number().int().positive(), template])

const httpRequest = map({
  get: template.optional(),
  post: template.optional(),
  put: template.optional(),
  patch: template.optional(),
  delete: template.optional(),
  headers: z.record(z.string(), template).optional(),
  bearer: template.optional(),
  json: value.optional(),
  body: template.optional(),
}).meta({ id: 'http', description: 'Exactly one of get, post, put, patch, delete, with its URL.' })

const sqlSource = z.union([text, map({ file: text })])

/** Verbs that can stand everywhere, and the keys that belong to one of them. */
export const verbs = {
  run: z.union([text, z.array(template).min(1)]).optional(),
  leaves_processes: z.boolean().optional(),
  sql: z.union([sqlSource, z.array(sqlSource).min(1)]).optional(),
  database: template.optional(),
  transaction: z.boolean().optional(),
  http: httpRequest.optional(),
  backup: map({
    database: template.optional(),
    to: template,
    keep: duration.optional(),
  }).optional(),
  restore: map({ file: template, database: template }).optional(),
  load: map({ http: httpRequest, requests: count, connections: count }).optional(),
  script: map({ file: text, args: z.record(z.string(), value).optional() }).optional(),
  manual: map({ role: text, ask: text, confirm: z.array(text).min(1).optional() }).optional(),
  notify: map({ to: name, text: text, subject: text.optional() }).optional(),
}

const retry = map({
  attempts: z.number().int().min(2).max(100).optional(),
  within: duration.optional(),
  every: duration,
}).meta({ description: 'On an action `attempts`, on a check `within`.' })

/** What a role adds to an action. */
export const role = {
  expect: expressions.optional(),
  timeout: duration.optional(),
  retry: retry.optional(),
  env: env.optional(),
  cwd: template.optional(),
}

/** What is asked at each tick of a soak: verbs that read. */
const probe = map({
  title: text.optional(),
  check: handle.optional(),
  with: z.record(z.string(), value).optional(),
  run: verbs.run,
  sql: verbs.sql,
  database: verbs.database,
  transaction: verbs.transaction,
  http: verbs.http,
  script: verbs.script,
  expect: role.expect,
  timeout: role.timeout,
  env: role.env,
  cwd: role.cwd,
  figures: z.record(name, expression).optional(),
}).meta({ id: 'probe', description: 'A check that is asked at each tick, and numbers out of it.' })

export const soak = map({
  for: duration.optional(),
  every: duration,
  tolerate: z.number().int().min(0).optional(),
  probes: z.record(name, probe),
}).meta({ id: 'soak', description: 'Probes asked `every` so often, `for` so long.' })

export const during = map({
  title: text.optional(),
  soak,
  expect: expressions.optional(),
})

export const check = map({
  title: text.optional(),
  check: handle.optional(),
  with: z.record(z.string(), value).optional(),
  ...verbs,
  soak: soak.optional(),
  ...role,
}).meta({ id: 'check', description: 'One verb, or `check` with the name of a file in checks/.' })

export const checks = oneOrMore(check)

export const undo = map({
  ...verbs,
  ...role,
  verify: z.union([z.literal('inverse'), check, z.array(check).min(1)]).optional(),
  loses: text.optional(),
  last_resort: z.boolean().optional(),
  covers: z.array(text).min(1).optional(),
}).meta({ id: 'undo', description: 'One verb, and how to see that it undid.' })
