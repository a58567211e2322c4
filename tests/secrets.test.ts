import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { filesUnder, finder, watchProcesses } from './canaries.ts'
import { linesOf, project, runbook, start, statuses, type Ran } from './tool.ts'

const repository = join(import.meta.dirname, '..')

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

describe('a step that gives its secret away', () => {
  const SECRET = 'c4nary/T0ken+5ecret=%&<q>~zZ9'
  const SEED = '9876543210-emit-nur-ta-edam'
  const MULTI =
    'first-line-of-the-key-0001\nsecond-line-of-the-key-0002\nthird-line-of-the-key-0003'
  /** Each leaks in another way, and each fails or not. */
  const LEAKS: Record<string, string> = {
    plain: 'echo "token is $TOKEN"',
    stderr: 'echo "token is $TOKEN" >&2',
    pieces:
      'for ((i = 0; i < ${#TOKEN}; i++)); do printf %s "${TOKEN:i:1}"; sleep 0.01; done; echo',
    base64:
      'printf %s "$TOKEN" | base64 -w0; printf "x%s" "$TOKEN" | base64; printf "xy%s!" "$TOKEN" | base64 -w0',
    hex: 'printf %s "$TOKEN" | od -An -tx1 | tr -d " \\n"',
    url: 'node -e "console.log(encodeURIComponent(process.env.TOKEN), new URLSearchParams({t: process.env.TOKEN}).toString())"',
    json: 'node -e "console.log(JSON.stringify({ [process.env.TOKEN]: [process.env.TOKEN] }))"',
    quoted: 'printf "%q %s\\n" "$TOKEN" "${TOKEN@Q}"',
    traced: 'set -x; : "$TOKEN"',
    stack: 'node -e "throw new Error(\'bad token \' + process.env.TOKEN)"',
    file: 'f="$PWD/$(sed -n 2p <<< "$KEY").mjs"; echo "throw new Error(1)" > "$f"; echo "import(\'$f\')" | node --input-type=module -',
    cut: 'head -c 1985 /dev/zero | tr "\\0" a; printf %s "$TOKEN"; head -c 1976 /dev/zero | tr "\\0" b; echo',
    tail: 'printf %s "$TOKEN"; head -c 2024 /dev/zero | tr "\\0" b; false',
    flood:
      'for ((i = 0; i < 3000; i++)); do echo "line $i $TOKEN of a flood that is long enough to be cut in its middle by and by"; done',
    lines: 'echo "$KEY"; echo "$KEY" | tac; echo "$KEY" | base64',
    silent: 'grep -q nothing <<< "$TOKEN"',
    missing: 'read -r line < "/nowhere/$TOKEN"',
  }
  const steps = (failing: boolean) =>
    Object.entries(LEAKS)
      .map(
        ([id, run]) => `      - id: ${id}
        run: ${JSON.stringify(failing ? `${run}; exit 3` : `{ ${run}; } || true`)}
        secrets: [token, key]
        outputs: { said: output }
        expect: ${JSON.stringify(failing ? 'output == inputs.token && exit_code == 0' : 'size(output) >= 0')}
        verify: { run: 'echo "checked $TOKEN"; echo "checked $TOKEN" >&2' }
        rollback: { run: 'echo "undone $TOKEN $KEY"; echo "$TOKEN" >&2; ${failing ? 'false' : 'true'}', verify: { run: 'echo "proven $TOKEN"' } }
`,
      )
      .join('')
  const yaml = (failing: boolean) => `runbook: leaky
title: Leaky
version: "1"
inputs:
  token: { secret: true }
  key: { secret: true }
environments:
  test: { inputs: { token: { env: LEAKY_TOKEN }, key: { file: key.pem } } }
requires:
  - script: { file: checks/tell.mjs, args: { token: "\${{ inputs.token }}" } }
phases:
  - id: main
    title: Main
    concurrent: ${failing ? 20 : 4}
    steps:
${steps(failing)}${
    failing
      ? ''
      : `      - id: made
        run: rev <<< "$SEED"
        effect: none
        outputs: { made: { value: output, secret: true } }
  - id: then
    title: Then
    steps:
      - id: told
        script: { file: checks/tell.mjs, args: { token: "\${{ steps.made.made }}", more: ["\${{ inputs.token }}"] } }
        effect: none
`
  }`
  const tell = `export default async (args) => {
  console.log(JSON.stringify(args)); console.error(args.token)
  if (args.token === 'x') throw new Error(args.token)
  return { value: args.token, all: args }
}
`
  const secrets = new Map([
    ['token', SECRET],
    ...MULTI.split('\n').map((line, i) => [`line ${i}`, line] as const),
    ['made', [...SEED].reverse().join('')],
  ])
  const env = { LEAKY_TOKEN: SECRET, SEED }

  function leaky(failing: boolean): string {
    made = project('leaky', yaml(failing))
    cpSync(join(repository, 'checks'), join(made.root, 'checks'), { recursive: true })
    writeFileSync(join(made.root, 'checks/tell.mjs'), tell)
    writeFileSync(join(made.root, 'key.pem'), `${MULTI}\n`, { mode: 0o600 })
    return made.root
  }

  /** Where one of the secrets is: in what was printed, in files, in command lines. */
  async function found(
    root: string,
    commands: string[][],
  ): Promise<{ found: string[]; rans: Ran[] }> {
    const shapes = finder(secrets)
    // No part of it either, whatever was done to the rest.
    const find = (where: Buffer | string) =>
      where.includes('T0ken') || where.includes('of-the-key') ? ['a part'] : shapes(where)
    const watching = watchProcesses()
    const rans: Ran[] = []
    for (const args of commands) rans.push(await runbook(root, args, { env }))
    const processes = await watching.stop()
    // The key file is the operator's own.
    const files = filesUnder(root, (path) => path === 'key.pem')
    return {
      rans,
      found: [
        ...rans.flatMap((ran, i) =>
          find(ran.stdout + ran.stderr).map((s) => `${s} printed by ${commands[i]?.join(' ')}`),
        ),
        ...files.flatMap((file) =>
          find(readFileSync(join(root, file))).map((s) => `${s} in ${file}`),
        ),
        ...find(processes).map((s) => `${s} in a command line`),
      ],
    }
  }

  const after = [
    ['status'],
    ['logs'],
    ['logs', '-o', 'ndjson'],
    ['history', '-o', 'json'],
    ['plan', 'leaky', '--env', 'test'],
    ['verify', 'leaky', '--env', 'test'],
  ]

  test('and all is well: nothing shows it', async () => {
    const root = leaky(false)
    const { found: leaks, rans } = await found(root, [
      ['deploy', 'leaky', '--env', 'test', '-v'],
      ...after,
      ...Object.keys(LEAKS)
        .slice(0, 4)
        .map((id) => ['logs', 'leaky', id]),
      ['rollback', '-v', '--yes'],
      ['status', '-o', 'json'],
    ])
    expect([rans[0]?.code, rans.at(-2)?.code], rans[0]?.stderr.slice(-3000)).toEqual([0, 0])
    expect(rans[0]?.stderr).toContain('***(token)')
    expect(leaks).toEqual([])
    // What was printed is still there, but for the secret.
    const out = filesUnder(join(root, '.runbook/runs')).filter((file) =>
      file.endsWith('plain/do-1/out'),
    )
    expect(out.flatMap((file) => linesOf(join(root, '.runbook/runs', file)))).toEqual([
      'token is ***(token)',
    ])
  }, 120_000)

  test('and fails: nothing shows it', async () => {
    const root = leaky(true)
    const { found: leaks, rans } = await found(root, [
      ['deploy', 'leaky', '--env', 'test', '-v'],
      ['status'],
      ['logs'],
      ...Object.keys(LEAKS).map((id) => ['logs', 'leaky', id]),
      ['rollback', '--yes'],
      ['logs', '-o', 'ndjson'],
    ])
    expect([rans[0]?.code, rans.at(-2)?.code], rans[0]?.stderr).toEqual([3, 5])
    const failed = rans.at(-1)?.stdout.match(/"type":"step.failed"/g)
    expect(failed).toHaveLength(Object.keys(LEAKS).length)
    expect(leaks).toEqual([])
  }, 60_000)

  test('and a precondition fails with it: the error does not show it', async () => {
    const root = leaky(false)
    writeFileSync(join(root, 'checks/tell.mjs'), tell.replace("args.token === 'x'", 'true'))
    const { found: leaks, rans } = await found(root, [
      ['deploy', 'leaky', '--env', 'test', '-v'],
      ['plan', 'leaky', '--env', 'test'],
      ['plan', 'leaky', '--env', 'test', '-o', 'json'],
    ])
    expect(rans.map((ran) => ran.code)).toEqual([6, 0, 0])
    expect(rans[0]?.stderr).toContain('***(token)')
    expect(leaks).toEqual([])
  }, 30_000)

  test('and the tool is killed while it runs: what the step printed meanwhile is masked on resume', async () => {
    made = project(
      'leaky',
      `runbook: leaky
title: Leaky
version: "1"
inputs: { token: { secret: true } }
environments: { test: { inputs: { token: { env: LEAKY_TOKEN } } } }
phases:
  - id: main
    title: Main
    steps:
      - id: one
        run: echo "token is $TOKEN"; touch said; while [ ! -e go ]; do sleep 0.05; done; touch one
        secrets: [token]
        verify: { run: test -e one }
        rollback: { run: rm -f one, verify: inverse }
`,
    )
    const { root } = made
    const { child, ran } = start(root, ['deploy', 'leaky', '--env', 'test'], { env })
    while (!existsSync(join(root, 'said'))) await new Promise((later) => setTimeout(later, 20))
    child.kill('SIGKILL')
    await ran
    writeFileSync(join(root, 'go'), '')
    const { found: leaks, rans } = await found(root, [['resume', '-o', 'json']])
    expect([rans[0]?.code, statuses(rans[0] as Ran)]).toEqual([0, 'one done'])
    expect(leaks).toEqual([])
  }, 30_000)
})
