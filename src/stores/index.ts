/** The table of stores: a URL's scheme to what opens it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { openMemory } from './memory.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/**
 * Opens the journal: `memory:`, `sqlite:<path>`, or, when `url` is undefined, the embedded one in the
 * state folder. One that is not there is made with the first write. Throws exit 2 for a scheme that is
 * not known, exit 12 when it cannot be used.
 */
export function openStore(url: string | undefined, stateFolder: string): Store {
  if (url === undefined || url === '') return openSqlite(join(stateFolder, 'journal.db'))
  if (url === 'memory:') return openMemory()
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length)
    // A folder that is not there is more likely a typing error than a wish.
    if (!existsSync(dirname(path)))
      throw failure(EXIT.store, `the journal ${path} cannot be used: its folder does not exist`)
    return openSqlite(path)
  }
  throw failure(EXIT.usage, `no store for "${url.replace(/\/\/[^@/]*@/, '//')}"`, {
    hint: 'known: sqlite:<path>, memory:',
  })
}
