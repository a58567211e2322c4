/**
 * What a runbook is once it has been read and found sound: plain data, no positions but those a
 * person needs later (the place of each expression), templates still unresolved.
 */

/** A JSON value whose strings may hold `${{ expression }}`. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value }

/** Text that may hold `${{ expression }}`. */
export type Template = string

/** `250ms`, `30s`, `10m`, `24h`, `30d`, or a template that gives one. */
type Duration = Template

export type Effect = 'once' | 'idempotent' | 'none'
export type OnFailure = 'stop' | 'undo' | 'rollback' | 'ask'
export type InputType = 'string' | 'url' | 'integer' | 'number' | 'boolean'

/** A CEL expression and where it stands, as `file:line:column`. */
export interface Expression {
  source: string
  at: string
}

export interface HttpRequest {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  url: Template
  headers: Record<string, Template>
  bearer?: Template
  json?: Value
  body?: Template
}

/** One statement, or the path of a file of them (relative to the root). */
export type SqlSource = { statement: Template } | { file: string }

/** One thing done in one of the verbs. The same data serves to do, to verify and to undo. */
export type Action =
  | { verb: 'run'; script: string; leaves_processes: boolean }
  | { verb: 'run'; argv: Template[]; leaves_processes: boolean }
  | { verb: 'sql'; statements: SqlSource[]; database: Template; transaction: boolean }
  | ({ verb: 'http' } & HttpRequest)
  | { verb: 'backup'; database: Template; to: Template; keep?: Duration }
  | { verb: 'restore'; file: Template; database: Template }
  | { verb: 'load'; http: HttpRequest; requests: number | Template; connections: number | Template }
  | { verb: 'script'; file: string; args: Record<string, Value> }
  | { verb: 'manual'; role: string; ask: Template; confirm: string[] }
  | { verb: 'notify'; to: string; text: Template; subject?: Template }
  | ({ verb: 'soak' } & Soak)

/** Probes asked again and again for a while. */
export interface Soak {
  /** Left out in `during`: there the step says how long. */
  for?: Duration
  every: Duration
  /** So many bad samples of one probe in a row are tolerated; one more ends it. */
  tolerate: number
  /** By name, at least one. */
  probes: Record<string, Probe>
}

/** A check that is asked at each tick. */
export interface Probe extends Omit<Check, 'timeout'> {
  /** Left out: 10 s, or `every` when that is longer. */
  timeout?: Duration
  /** Numbers taken out of its result, by name, beside `duration_ms`. */
  figures: Record<string, Expression>
}

export type VerbName = Action['verb']

/** On an action `attempts`, on a check `within`. */
export type Retry = { attempts: number; every: Duration } | { within: Duration; every: Duration }

/** An action in some role, with what the role adds to it. */
export interface Attempt {
  action: Action
  /** Empty: the verb's own expectation (`exit_code == 0`, `status in 200..299`, no SQL error). */
  expect: Expression[]
  timeout: Duration
  retry?: Retry
  env: Record<string, Template>
  cwd?: Template
  /** `file:line:column` of the action. */
  at: string
}

/** A question with three answers: holds, does not hold, cannot tell. */
export interface Check extends Attempt {
  /** What a person reads: the named check with its parameters, or the action in short. */
  title: string
  /** What `params.x` is inside a named check; values may be templates. */
  params: Record<string, Value>
}

export interface Undo extends Attempt {
  /** `inverse`: at least one of the step's checks no longer holds and none is unanswerable. */
  verify: 'inverse' | Check[]
  loses?: string
  /** Of a last resort: other steps that it undoes along with its own. */
  covers?: string[]
}

/** `last_resort`: undos that run only by name, in place of the ordinary ones. Left out: none. */
export type Rollback =
  | { kind: 'undo'; undos: Undo[]; last_resort?: Undo[] }
  | { kind: 'keep' }
  | { kind: 'irreversible'; why: string; last_resort?: Undo[] }
  /** `effect: none` and pure checks: there is nothing to undo. */
  | { kind: 'none' }

interface Output {
  value: Expression
  secret: boolean
}

interface Hint {
  when: Expression
  say: string
}

/** A timer that counts from another step's end: from its skip, when it was skipped. */
interface After {
  step: string
  at_least: Duration
  /** `file:line:column`. */
  at: string
}

/** A host of a group of an environment. */
export interface Host {
  name: string
  /** What is written of it, by key; texts may be templates. */
  facts: Record<string, string | number | boolean>
}

/** One of the hosts that a step runs on: there is a step for each of them. */
interface OnHost {
  /** The id and the title that the runbook gives to all of them. */
  step: string
  title: string
  host: Host
}

export interface Step {
  /** On a host `id@host`, for the plan, the journal and commands alike. */
  id: string
  title: string
  /** The id of its phase; `finally` for the steps of that section. */
  phase: string
  /** Left out: a pure check. */
  act?: Attempt
  effect: Effect
  verify: Check[]
  rollback: Rollback
  skip_if_verified: boolean
  /** Its action is a soak without `for`: watched from before the action until it is verified. */
  during?: Check
  when?: Expression
  requires: Check[]
  after?: After
  /** The roles that must sign before it starts. Left out: none. */
  approval?: string[]
  on_failure: OnFailure
  /** Names of secret inputs that the step's processes may see. */
  secrets: string[]
  outputs: Record<string, Output>
  scope: string[]
  /** On each host of this group, so many at a time. */
  hosts?: { group: string; batch: number }
  /** In a plan: on which of them. */
  on?: OnHost
  owner?: string
  estimate_s?: number
  hints: Hint[]
  refs: string[]
  /** `file:line:column` of the step. */
  at: string
}

export interface Phase {
  id: string
  title: string
  owner?: string
  estimate_s?: number
  /** How many of its steps run at once; 1 = one after the other. */
  concurrent: number
  /** Ids, in the order of the document. */
  steps: string[]
}

export interface Input {
  type: InputType
  secret: boolean
  default?: Value
  pattern?: string
  enum?: Value[]
  min_length?: number
  title?: string
  /** Of the document's rows, as on a step. */
  refs: string[]
  at: string
}

/** Where an environment gets an input from. */
export type InputSource =
  | { kind: 'literal'; value: Value }
  | { kind: 'env'; name: string }
  | { kind: 'file'; path: string }
  | { kind: 'command'; argv: string[] }
  | { kind: 'random'; bytes: number }

/** A throw-away service of a sandbox. */
export type Service =
  | { kind: 'postgres'; database: string; settings: Record<string, string> }
  | { kind: 'run'; run: string; env: Record<string, Template>; ready?: Check }

/** What another environment must have proven before a run may begin in this one. */
interface BuildsOn {
  environment: string
  /** How long its newest run must have ended ago. Left out: any time. */
  at_least?: Duration
  /** Names of the inputs that must have had the same value there. */
  same: string[]
  /** `file:line:column`. */
  at: string
}

/** A mail server: the whole of it as `smtp://` or `smtps://`, or its parts. */
export type MailServer =
  | { url: Template }
  | { host: Template; port?: number | Template; user?: Template; password?: Template }

/** A way to tell people something, under a name that `notify` gives. */
export type Channel =
  | { kind: 'webhook'; url: Template; headers: Record<string, Template> }
  | { kind: 'slack'; url: Template }
  | { kind: 'smtp'; server: MailServer; from: Template; to: Template[] }
  | { kind: 'command'; argv: Template[] }

export interface Environment {
  name: string
  protected: boolean
  after?: BuildsOn
  on_failure?: OnFailure
  inputs: Record<string, InputSource>
  services: Record<string, Service>
  /** Folders put first on PATH, relative to the root. */
  path: string[]
  cwd?: Template
  /** By the name of their group, in the order of the document. */
  hosts?: Record<string, Host[]>
  manual: 'ask' | 'assume'
  /** Commands stay while a timer runs, as with `--wait`. Left out: they do not. */
  wait?: boolean
  /** The lock's name; by default `<runbook>/<environment>`. */
  lock?: string
  channels?: Record<string, Channel>
  /** What "as before" means: rehearsals and tests compare it. */
  state: Check[]
}

export interface Contact {
  role: string
  reach: string
}

export interface Scope {
  title: string
  with: string[]
}

export interface Runbook {
  runbook: string
  title: string
  version: string
  /** Path relative to the root. */
  file: string
  inputs: Record<string, Input>
  environments: Record<string, Environment>
  requires: Check[]
  scopes: Record<string, Scope>
  contacts: Contact[]
  phases: Phase[]
  /** Every step of every phase, in the order of the document. */
  steps: Step[]
  finally: Step[]
  /**
   * By the id of a step: what it, its phase or the runbook says to do when it fails, the nearest of
   * them. A step that is not here follows the environment.
   */
  on_failure: Record<string, OnFailure>
  /** Content of every script, SQL file and check file that it names, by path relative to the root. */
  files: Record<string, string>
}
