import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadCheckLibrary } from '../../src/language/checks.ts'
import { formatProblem } from '../../src/core/problems.ts'
import { lintFile } from '../../src/language/read.ts'
import { stringify } from 'yaml'
import { project } from '../tool.ts'

const library = loadCheckLibrary('/nowhere')
const shipped = library.names.flatMap((name) => {
  const { check, faults = [] } = library.read(name) ?? {}
  expect(faults.map(formatProblem)).toEqual([])
  return check === undefined ? [] : [check]
})
const tests = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
  .join('\n')

test('every script of the library belongs to a check', () => {
  const used = new Set(shipped.map(({ file }) => file.script?.file))
  const there = readdirSync('checks').filter((file) => file.endsWith('.mjs'))
  expect(there.filter((file) => !used.has(file))).toEqual([])
})

describe.each(shipped.map((check) => [check.name, check] as const))('%s', (name, { file }) => {
  // The type of the cases wants each of the three answers.
  test('is asked for its three answers', () => {
    expect(tests).toMatch(new RegExp(`^  '?${name}'?: \\{$`, 'm'))
  })

  test('has a manual page', () => {
    const { description = '', cannot_tell = '', example = {}, params = {} } = file
    expect(description).toMatch(/\.$/)
    expect(cannot_tell).toMatch(/\.$/)
    for (const [param, { title }] of Object.entries(params)) expect(title, param).toBeTruthy()
    for (const [param, { default: given }] of Object.entries(params))
      if (given === undefined) expect(Object.keys(example), param).toContain(param)
  })

  test('has an example that is sound', async () => {
    const given = file.example ?? {}
    const text = JSON.stringify(given)
    const names = (pattern: RegExp) => [
      ...new Set([...text.matchAll(pattern)].map((m) => m[1] ?? '')),
    ]
    const secrets = Object.entries(file.params ?? {}).flatMap(([param, { secret }]) =>
      secret === true ? [param] : [],
    )
    const inSecrets = JSON.stringify(
      Object.fromEntries(secrets.map((param) => [param, given[param]])),
    )
    const inputs = [...names(/inputs\.(\w+)/g), 'database_url', 'redis_url']
    const steps = [...text.matchAll(/steps\.(\w+)\.(\w+)/g)].map(([, id, output]) => ({
      id,
      run: 'true',
      effect: 'none',
      outputs: { [output ?? '']: 'stdout' },
    }))
    const { root, dispose } = project(
      'shown',
      stringify({
        runbook: 'shown',
        title: 'An example',
        version: '1',
        inputs: Object.fromEntries(
          inputs.map((input) => [
            input,
            ['database_url', 'redis_url'].includes(input) || inSecrets.includes(`inputs.${input}`)
              ? { secret: true }
              : { default: 'http://localhost' },
          ]),
        ),
        environments: { here: {} },
        phases: [
          { id: 'one', steps: [...steps, { id: 'shown', verify: { check: name, with: given } }] },
        ],
      }),
    )
    try {
      const problems = await lintFile(join(root, 'runbooks/shown.yaml'), root)
      expect(problems.map(formatProblem)).toEqual([])
    } finally {
      dispose()
    }
  })
})
