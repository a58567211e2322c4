// What this copy of the server is. The build writes release.json beside the
// code; run from the source there is none, and the version says so.
import { existsSync, readFileSync } from 'node:fs'

export interface Release {
  version: string
  /** Tables without which this release is not healthy. */
  tables: readonly string[]
}

export function readRelease(at: URL = new URL('../release.json', import.meta.url)): Release {
  if (!existsSync(at)) return { version: 'source', tables: ['User'] }
  const found = JSON.parse(readFileSync(at, 'utf8')) as Partial<Release>
  return { version: found.version ?? 'unknown', tables: found.tables ?? [] }
}
