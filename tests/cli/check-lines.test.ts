/** A check in a line of the log is named by what it asks, and has the place where a runbook uses it. */
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

const used = `runbook: used
title: A named check that does not hold
version: "1"
environments: { here: {} }
phases:
  - id: main
    steps:
      - id: looks
        verify:
          - { check: sized, with: { most: 1 } }
      - id: looks_closer
        verify:
          - { check: sized, with: { most: 9 }, expect: "stdout == 'small'" }
`

const sized = `check: sized
title: Sized
params: { most: { type: integer } }
example: { most: 1 }
run: echo 5
expect: int(stdout) <= params.most
`

test('the place of a named check is the line of the runbook, and then that of its own file', async () => {
  const { root, dispose } = project('used', used)
  try {
    mkdirSync(join(root, 'checks'))
    writeFileSync(join(root, 'checks/sized.yaml'), sized)
    const { code, stdout, stderr } = await runbook(root, ['deploy', 'used', '-e', 'here'])
    expect(code, stdout).toBe(3)
    expect(stderr).toMatch(/at +runbooks\/used.yaml:10:13\n +checks\/sized.yaml:6:9\n/)
    const verified = await runbook(root, ['verify', 'used', '-e', 'here'])
    expect(verified.stdout).toMatch(/at +runbooks\/used.yaml:10:13\n +checks\/sized.yaml:6:9\n/)
    // What is expected on top stands in the runbook itself.
    expect(verified.stdout).toMatch(/stdout == 'small'\n.*\n +at +runbooks\/used.yaml:13:\d+\n$/)
  } finally {
    dispose()
  }
})
