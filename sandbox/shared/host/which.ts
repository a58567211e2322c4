// Whether this machine has a program.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export function which(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}
