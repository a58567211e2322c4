// What is set on the machine beside its files, and stays over its restarts:
// variables, numbers of replicas, maintenance. Where nothing is set there is no file.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Settings {
  maintenance: boolean
  /** By unit. */
  env: Record<string, Record<string, string>>
  /** By unit; others have what the system says. */
  replicas: Record<string, number>
}

const file = (dir: string): string => join(dir, 'settings.json')

export function readSettings(dir: string): Settings {
  const nothing: Settings = { maintenance: false, env: {}, replicas: {} }
  return existsSync(file(dir))
    ? { ...nothing, ...(JSON.parse(readFileSync(file(dir), 'utf8')) as Partial<Settings>) }
    : nothing
}

export function keepSettings(dir: string, settings: Settings): void {
  const { maintenance, env, replicas } = settings
  const set = {
    ...(maintenance ? { maintenance } : {}),
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(Object.keys(replicas).length > 0 ? { replicas } : {}),
  }
  if (Object.keys(set).length === 0) {
    rmSync(file(dir), { force: true })
    return
  }
  // Variables may be secrets.
  writeFileSync(`${file(dir)}.new`, JSON.stringify(set, null, 2) + '\n', { mode: 0o600 })
  renameSync(`${file(dir)}.new`, file(dir))
}
