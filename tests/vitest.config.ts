import { defineConfig } from 'vitest/config'
import LongestFirst from './longest-first.ts'

const cache = `${import.meta.dirname}/../node_modules/.cache/runbook-tests`

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    // Most of a test is waiting for processes: four files at once, also where there are two cores.
    maxWorkers: 4,
    // No test changes what another could see: to start a process for each file is time for nothing.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // A sandbox is dozens of small programs in TypeScript: Node reads each once. What the tool
    // remembers of runbooks stays out of the user's own cache.
    env: { NODE_COMPILE_CACHE: cache, XDG_CACHE_HOME: cache },
    dir: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: 'tests/build.ts',
    reporters: ['default', './tests/closing-line.ts'],
  },
})
