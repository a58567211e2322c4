/** The table of stores: a URL's scheme to what opens it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { isAbsent } from '../lib/disk.ts'
import { openMemory } from './memory.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/**
 * Opens the journal: `memory:`, `sqlite:<path>`, or, when `url` is undefined, the embedded one in the
 * state folder. Where there is none yet it is made, or, without `make`, is an empty one that nobody
 * keeps. Throws exit 2 for a scheme that is not known, exit 12 when it cannot be used.
 */
export function openStore(url: string | undefined, stateFolder: string, make = true): Store {
  const embedded = (path: string) => (make || !isAbsent(path) ? openSqlite(path) : openMemory())
  if (url === undefined || url === '') return embedded(join(stateFolder, 'journal.db'))
  if (url === 'memory:') return openMemory()
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length)
    // A folder that is not there is more likely a typing error than a wish.
    if (!existsSync(dirname(path)))
      throw failure(EXIT.store, `the journal ${path} cannot be used: its folder does not exist`)
    return embedded(path)
  }
  throw failure(EXIT.usage, `no store for "${url.replace(/\/\/[^@/]*@/, '//')}"`, {
    hint: 'known: sqlite:<path>, memory:',
  })
}
