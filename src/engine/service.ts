/** What a service is to those who start it and to those who use it. */
import { EXIT, failure } from '../core/errors.ts'
import type { Check } from '../core/runbook.ts'
import type { Masker } from '../core/secrets.ts'
import type { InputBinder } from './bind-inputs.ts'

/** What `services.<name>` is in expressions. */
export interface ServiceAddress {
  url: string
  port: number
  /** The service's own folder, kept between commands. */
  dir: string
}

export type ServicesScope = Record<string, ServiceAddress>

export interface ServicesOptions {
  root: string
  /**
   * Delete all data first, once this is done: it closes in the record what the data belongs to. Throws
   * exit 7 while another command uses it.
   */
  startOver?: () => Promise<void>
  /** The command may come to drive a run; one that only asks takes what runs as it is. */
  drives?: boolean
  env?: NodeJS.ProcessEnv
  /** Asks once whether a `ready` check holds. */
  isReady(check: Check, scope: { inputs: Values; services: ServicesScope }): Promise<boolean>
  /** Learns the passwords that are made here, and hides them in what services say. */
  masker: Masker
  /** One sentence at a time, for people. */
  say(text: string): void
  /** Ends waiting, and with it the start: exit 130. */
  interrupt?: AbortSignal
}

type Values = Record<string, unknown>

/** What the kinds of services work with. */
export interface ServiceContext extends Required<Omit<ServicesOptions, 'startOver'>> {
  /** Variables of the operator's environment that no service may see. */
  withheld: readonly string[]
  /** Values of some inputs while these services run. */
  pick: InputBinder['pick']
}

/** One kind of service; `folder` is its own. */
export interface ServiceKind {
  /**
   * Adopts the one that runs or starts one. `shared`: another command uses it, or what a dead one left,
   * so that it may not be started anew.
   */
  start(shared: boolean, before: ServicesScope): Promise<ServiceAddress>
  stop(): Promise<void>
  /** Of a stopped one. */
  removeData(): void
}

/** What ends a start that nobody waits for any more. */
export function interrupted(): Error {
  return failure(EXIT.interrupted, 'interrupted while the services were starting')
}
