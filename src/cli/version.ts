import { readFileSync } from 'node:fs'

/** The tool's version, from the package it came in. */
export function toolVersion(): string {
  // From dist/ and from src/cli/ the package lies at different depths.
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string
        version?: string
      }
      if (name === 'runbook' && version !== undefined) return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return 'unknown'
}
