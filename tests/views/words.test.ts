import { expect, test } from 'vitest'
import { failureWords } from '../../src/views/words.ts'

test.each([
  [
    'interrupted',
    'it was interrupted, and ended with exit code 130',
    'it was interrupted, and ended with exit code 130',
  ],
  ['interrupted', 'the working folder is gone', 'it was interrupted: the working folder is gone'],
  [
    'action_failed',
    'exit_code == 0 does not hold',
    'its action failed: exit_code == 0 does not hold',
  ],
] as const)('why a step failed is said once: %s, %s', (reason, message, words) => {
  expect(failureWords({ reason, message })).toBe(words)
})
