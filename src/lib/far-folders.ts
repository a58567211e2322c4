/** What attempts leave in folders on other machines, and how it goes. */
import { call } from './far-call.ts'
import { FORGET } from './far-shell.ts'

/** Where: a destination as ssh knows it, and `run/step/attempt` of this attempt there. */
export interface Place {
  destination: string
  folder: string
}

/** Steps that may have left a folder over there, in this process of the tool. */
const touched = new Set<string>()
const keyOf = (destination: string, step: string) => `${destination} ${step}`

/** Remembers that there is something of an attempt over there. */
export function touch({ destination, folder }: Place): void {
  touched.add(keyOf(destination, folder.slice(0, folder.lastIndexOf('/'))))
}

/**
 * Removes what steps (`run/step`) have left over there, unless nothing of theirs was begun by us;
 * `all`: whoever began it. Answers why that could not be done.
 */
export async function forgetFar(
  destination: string,
  steps: readonly string[],
  all = false,
): Promise<string | undefined> {
  const left = steps.filter((step) => touched.delete(keyOf(destination, step)) || all)
  if (left.length === 0) return undefined
  const hearing = { said: () => {}, shown: () => {} }
  const forgetting = await call(destination, FORGET, [...left, '.'], hearing)
  return 'why' in forgetting ? forgetting.why : forgetting.over
}
