/** The signals of this system, by name and by number. */
import { constants } from 'node:os'

/** By default they end nothing, so an exit code that looks like one of them is the program's own. */
const HARMLESS = /^SIG(CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|WINCH)$/

const names = new Map<number, string>()
for (const [name, number] of Object.entries(constants.signals)) {
  if (!HARMLESS.test(name) && !names.has(number)) names.set(number, name.slice(3))
}

/** The exit code of a process that this signal ended, as a shell counts. */
export function codeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** `KILL` for 137: which signal ended a process with this exit code, as a shell counts. */
export function signalOfCode(code: number): string | undefined {
  return names.get(code - 128)
}
