/** Where the checks that come with the tool are. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What the plan calls the folder of the shipped checks, which lies outside of every root. */
export const SHIPPED = 'runbook:checks/'

/** The shipped `checks/`: beside the tool's own package.json, whether it runs from src or from dist. */
export function shippedChecks(from = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'checks')
    if (folder === dirname(folder)) return join(from, 'checks')
  }
}
