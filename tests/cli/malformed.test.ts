/** Every malformed runbook through the command line: exit 2, and the same words as golden. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { project, runbook } from '../tool.ts'

vi.setConfig({ testTimeout: 60_000 })

const language = join(import.meta.dirname, '../language')
const names = readdirSync(join(language, 'malformed'))
const FILES = 45

const fileOf = (name: string) => `malformed/${name}/runbook.yaml`
/** What is told of each problem; the first line of the golden file is the sentence around them. */
const toldOf = (name: string) =>
  readFileSync(join(language, 'malformed', name, 'expected.txt'), 'utf8')
    .replace(/^.*\n/, '')
    // It is shortened, what the commands tell is not.
    .replace(/^and \d+ more\n/m, '')

/** Blank lines between problems are a matter of taste. */
const dense = (text: string) => text.replaceAll(/^\s*\n/gm, '')

const parts = Array.from({ length: Math.ceil(names.length / FILES) }, (_, i) =>
  names.slice(i * FILES, (i + 1) * FILES),
)

describe('runbook lint', () => {
  test.each(parts.map((part) => [part[0], part.at(-1), part] as const))(
    '%s to %s',
    async (_first, _last, part) => {
      const ran = await runbook(language, ['lint', ...part.map(fileOf)])
      expect([ran.code, ran.stderr]).toEqual([2, ''])
      for (const name of part) expect(dense(ran.stdout)).toContain(dense(toldOf(name)))
    },
  )

  test('one by one each is refused', async () => {
    const ran = await runbook(language, ['lint', ...names.map(fileOf), '-o', 'json'])
    const { problems } = JSON.parse(ran.stdout) as { problems: { file: string; level?: string }[] }
    const faulty = new Set(problems.filter((p) => p.level !== 'warning').map((p) => p.file))
    // A problem may lie in a file that the runbook names; then that one is told of.
    const silent = names.filter((name) => !faulty.has(fileOf(name)))
    for (const name of silent) expect(toldOf(name)).not.toContain(`${fileOf(name)}:`)
  }, 60_000)
})

describe('runbook plan and deploy: nothing on standard output, everything that is wrong beside it', () => {
  const some = names.filter((_, i) => i % 12 === 0)
  // Both read a runbook the same way: in turn is enough.
  test.each(some)('%s', async (name) => {
    const args =
      some.indexOf(name) % 2 === 0
        ? ['plan', fileOf(name), '--env', 'test', '-o', 'json']
        : ['deploy', fileOf(name), '--env', 'test']
    const ran = await runbook(language, args)
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    expect(dense(ran.stderr)).toContain(dense(toldOf(name)).replaceAll('\ufeff', '\\ufeff'))
  })
})

test('what is no file in runbooks/ is told of, and never opened; an editor’s own files are none', async () => {
  const { root, dispose } = project(
    'good',
    `runbook: good
title: Good
version: "1"
environments: { test: {} }
phases: [{ id: only, steps: [{ id: one, run: 'true', effect: none }] }]
`,
  )
  const at = (name: string) => join(root, 'runbooks', name)
  symlinkSync('somebody@host.4711:1', at('.#good.yaml'))
  symlinkSync('nowhere', at('lost.yaml'))
  symlinkSync('circle.yaml', at('circle.yaml'))
  mkdirSync(at('folder.yaml'))
  execFileSync('mkfifo', [at('pipe.yaml')])
  try {
    const listed = await runbook(root, ['list', '-o', 'json'])
    expect(listed.code, listed.stderr).toBe(0)
    const problems = (JSON.parse(listed.stdout) as { name: string; problem?: string }[]).map(
      ({ name, problem }) => [name, problem],
    )
    const odd = ['circle', 'folder', 'lost', 'pipe']
    expect(problems).toEqual(
      [...odd, 'good']
        .toSorted()
        .map((n) => [n, n === 'good' ? undefined : `runbooks/${n}.yaml is not a file`]),
    )
    const linted = await runbook(root, ['lint'])
    expect(linted.code).toBe(2)
    for (const name of odd) expect(linted.stdout).toContain(`runbooks/${name}.yaml is not a file`)
  } finally {
    dispose()
  }
})
