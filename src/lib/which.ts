/** Finding a program as a shell would. */
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'

/** Where a program is on a PATH; undefined when it is nowhere. */
export function which(program: string, path: string | undefined): string | undefined {
  for (const folder of (path ?? '').split(':')) {
    if (folder === '') continue
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // Not here.
    }
  }
  return undefined
}
