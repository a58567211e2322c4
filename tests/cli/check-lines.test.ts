/** A check in a line of the log is named by what it asks, not by all that it was given. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project, runbook } from '../tool.ts'

const SECRET = 'kept-from-every-eye-0123456789-abcdefghij'

const yaml = `runbook: tested
title: Tests that print much
version: "1"
inputs: { token: { secret: true } }
environments: { here: { inputs: { token: { env: TOKEN } } } }
phases:
  - id: main
    steps:
      - id: units
        run: for i in {1..200}; do echo "✔ test $i is \${TOKEN}"; done
        secrets: [token]
        effect: none
        outputs: { report: { value: stdout } }
      - id: judged
        verify: { check: counted, with: { output: "\${{ steps.units.report }}", at_least: 26 } }
`

const check = `check: counted
title: Counted
params: { output: { type: string }, at_least: { type: integer } }
example: { output: x, at_least: 1 }
run: "true"
`

test('what a test run printed is cut, its secrets hidden before that; the rest is named', async () => {
  const { root, dispose } = project('tested', yaml)
  try {
    mkdirSync(join(root, 'checks'))
    writeFileSync(join(root, 'checks/counted.yaml'), check)
    const env = { TOKEN: SECRET }
    const { code, stderr } = await runbook(root, ['deploy', 'tested', '-e', 'here'], { env })
    expect(code, stderr).toBe(0)
    const line = stderr.split('\n').find((one) => one.includes('judged checked')) ?? ''
    expect(line).toMatch(/counted \(output: ✔ test 1 is .*…, at_least: 26\) holds/)
    expect(line.length).toBeLessThan(200)
    expect(stderr).not.toContain(SECRET.slice(0, 12))
  } finally {
    dispose()
  }
})
