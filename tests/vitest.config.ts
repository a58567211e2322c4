import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    // Most of a test is waiting for processes: two files at once, also where there are two cores.
    maxWorkers: 2,
    include: ['tests/**/*.test.ts'],
    globalSetup: 'tests/build.ts',
    reporters: ['default', './tests/closing-line.ts'],
  },
})
