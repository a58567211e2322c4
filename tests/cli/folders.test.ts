/** Where a step's process is, as a deploy has it: also for a step whose shell had time to wait for it. */
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project, runbook } from '../tool.ts'

const yaml = (cwd: string) => `runbook: placed
title: Steps in a folder
version: "1"
environments: { here: {} }
phases:
  - id: main
    steps:
      - { id: slow, run: sleep 0.3, effect: none }
      - id: writes
        run: pwd > "$OUT"
        env: { OUT: "\${{ run.id }}" }
        cwd: ${cwd}
        verify: { run: 'test "$(cat "$OUT")" = "$(pwd -P)"', env: { OUT: "\${{ run.id }}" }, cwd: ${cwd} }
        rollback: keep
`

test.each([
  ['current', 'releases/1.0'],
  ['current/..', 'releases'],
])('%s is the folder that the system means by it', async (cwd, real) => {
  const { root, dispose } = project('placed', yaml(cwd))
  try {
    mkdirSync(join(root, 'releases/1.0'), { recursive: true })
    symlinkSync('releases/1.0', join(root, 'current'))
    const { code, stderr } = await runbook(root, ['deploy', 'placed', '-e', 'here'])
    expect(code, stderr).toBe(0)
    const [, id = ''] = /run (\S+),/.exec(stderr) ?? []
    const folder = join(realpathSync(root), real)
    expect(readFileSync(join(folder, id), 'utf8')).toBe(`${folder}\n`)
  } finally {
    dispose()
  }
})

test('a step whose folder is not there has changed nothing', async () => {
  const { root, dispose } = project('placed', yaml('nowhere'))
  try {
    const { code, stderr, stdout } = await runbook(root, ['deploy', 'placed', '-e', 'here'])
    expect(code).not.toBe(0)
    expect(stdout + stderr).toMatch(
      /could not be started: the working folder \S+\/nowhere does not exist/,
    )
    expect(stdout + stderr).toMatch(/changed +nothing/)
    expect(stdout + stderr).not.toContain('--retry')
  } finally {
    dispose()
  }
})
