import { defineConfig } from 'vitest/config'
import LongestFirst from './longest-first.ts'

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    // Most of a test is waiting for processes: four files at once, also where there are two cores.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // A sandbox is dozens of small programs in TypeScript: Node reads each once.
    env: { NODE_COMPILE_CACHE: `${import.meta.dirname}/../node_modules/.cache/runbook-tests` },
    include: ['tests/**/*.test.ts'],
    globalSetup: 'tests/build.ts',
    reporters: ['default', './tests/closing-line.ts'],
  },
})
