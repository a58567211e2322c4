// What this copy of the server is. The build writes release.json into the release
// folder; run from the source there is none, and the version says so.
import { existsSync, readFileSync } from 'node:fs'

/** `version`, and what the release's settings say besides (see build/command.ts). */
export type Release<Settings> = Settings & { version: string }

/**
 * @param at where release.json is: in a file of `src/`, new URL('../release.json', import.meta.url)
 * @param fallback the settings when it says nothing of them
 */
export function readRelease<Settings extends object>(
  at: URL,
  fallback: Settings,
): Release<Settings> {
  if (!existsSync(at)) return { ...fallback, version: 'source' }
  const found = JSON.parse(readFileSync(at, 'utf8')) as Partial<Settings>
  return { version: 'unknown', ...fallback, ...found }
}
