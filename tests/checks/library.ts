/** Asks checks of the shipped library as a runbook does: by `runbook verify`, as a real process. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { project, runbook } from '../tool.ts'

type Answer = 'holds' | 'does_not_hold' | 'cannot_tell'

/** What `with` holds; `env` and `timeout` stand beside it, `says` is a part of the reason that is told. */
export type Case = [
  given: Record<string, unknown>,
  more?: { env?: Record<string, string>; timeout?: string; says?: string },
]

/** Every check of the library is asked for all three of its answers. */
export type Cases = Record<string, Record<Answer, [Case, ...Case[]]>>

export interface Told {
  answer: Answer
  reason?: string
  expression?: string
  values?: Record<string, unknown>
}

/** Where the checks are asked: what inputs they may name, what files lie there. */
export interface Place {
  /** Inputs that everybody may see. */
  inputs?: Record<string, string>
  /** Secret inputs; they come from the environment. */
  secrets?: Record<string, string>
  files?: Record<string, string>
  /** Folders put first on PATH. */
  path?: string[]
}

/** One row for each case, with its name. */
export function rowsOf(cases: Cases): { name: string; answer: Answer; given: Case }[] {
  return Object.entries(cases).flatMap(([check, answers]) =>
    (Object.entries(answers) as [Answer, Case[]][]).flatMap(([answer, list]) =>
      list.map((given, i) => ({ name: `${check} ${answer} ${i + 1}`, answer, given })),
    ),
  )
}

/** Asks all of them in one command. The answers bear the names of `rowsOf`. */
export async function askAll(cases: Cases, place: Place): Promise<Map<string, Told>> {
  const rows = rowsOf(cases)
  const variable = (name: string) => `ASKED_${name.toUpperCase()}`
  const secrets = Object.entries(place.secrets ?? {})
  const text = stringify({
    runbook: 'asked',
    title: 'Checks of the library',
    version: '1',
    inputs: {
      ...Object.fromEntries(secrets.map(([name]) => [name, { secret: true }])),
      ...Object.fromEntries(
        Object.entries(place.inputs ?? {}).map(([name, value]) => [name, { default: value }]),
      ),
    },
    environments: {
      here: {
        path: place.path ?? [],
        inputs: Object.fromEntries(secrets.map(([name]) => [name, { env: variable(name) }])),
      },
    },
    phases: [
      {
        id: 'ask',
        steps: rows.map(({ name, given: [given, { env, timeout } = {}] }, i) => ({
          id: `case_${i}`,
          verify: {
            check: name.split(' ')[0],
            title: name,
            with: given,
            ...(env && { env }),
            ...(timeout && { timeout }),
          },
        })),
      },
    ],
  })
  const { root, dispose } = project('asked', text)
  try {
    for (const [file, content] of Object.entries(place.files ?? {})) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), content, { mode: 0o600 })
    }
    const env = Object.fromEntries(secrets.map(([name, value]) => [variable(name), value]))
    const ran = await runbook(root, ['verify', 'asked', '--env', 'here', '-o', 'json'], { env })
    if (!ran.stdout.startsWith('{')) throw new Error(`exit ${ran.code}\n${ran.stderr}`)
    const { steps } = JSON.parse(ran.stdout) as {
      steps: { checks: (Told & { title: string })[] }[]
    }
    for (const [name, value] of secrets)
      if (`${ran.stdout}${ran.stderr}`.includes(value)) throw new Error(`${name} was shown`)
    return new Map(steps.flatMap(({ checks }) => checks.map((told) => [told.title, told])))
  } finally {
    dispose()
  }
}
