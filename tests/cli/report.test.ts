/** `runbook report` of real runs: printed, to files, to a CI's summary. */
import { DOMParser } from '@xmldom/xmldom'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import type { Report } from '../../src/views/report-data.ts'
import { finder } from '../canaries.ts'
import { project, runbook, start } from '../tool.ts'

// The machine may have much else to do.
vi.setConfig({ testTimeout: 60_000 })

const SECRET = 'c4nary/R3port|`+5ecret=%&<q>~zZ9'

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

/** Reads, changes, asks a person, and then does what `last` says. */
function reported(last: string): string {
  made = project(
    'reported',
    `runbook: reported
title: What | is \`reported\` <b>here</b>
version: "1.0"
inputs:
  release: {}
  commit: { pattern: "[0-9a-f]+" }
  mirror: { type: url }
  token: { secret: true }
environments:
  test:
    manual: assume
    on_failure: rollback
    inputs: { token: { env: REPORT_TOKEN }, mirror: "https://me:open@mirror.example.com/a" }
contacts:
  - { role: On-call, reach: "#ops" }
phases:
  - id: prepare
    title: Prepare
    owner: DevOps
    estimate: 5m
    steps:
      - id: size
        run: echo 42
        effect: none
        refs: [OA-14]
        outputs: { rows: json, leak: { value: "inputs.token", secret: true } }
      - id: absent
        when: inputs.release == "none"
        verify: { run: "true" }
  - id: change
    title: Change
    estimate: 1ms
    steps:
      - id: write
        run: echo "$RELEASE" > written; echo "$TOKEN"
        secrets: [token]
        verify: { run: cat written, expect: "output == inputs.release" }
        rollback: { run: rm -f written, verify: { run: cat written || true, expect: 'output.contains("No such file")' } }
      - id: sign_off
        manual: { role: QA, ask: Look at it., confirm: [It is there] }
        effect: none
      - id: last
        run: ${last}
        secrets: [token]
        verify: { run: "true" }
        rollback: keep
`,
  )
  return made.root
}

const env = { REPORT_TOKEN: SECRET }
const deploy = [
  'deploy',
  'reported',
  '--env',
  'test',
  '--var',
  'release=1.1',
  '--var',
  'commit=abc1',
]

test('of a run that went well', async () => {
  const root = reported('"true"')
  expect((await runbook(root, deploy, { env })).code).toBe(0)
  const { code, stdout, stderr } = await runbook(root, ['report'])
  expect([code, stderr]).toEqual([0, ''])
  for (const line of [
    '# reported 1.0 in test: succeeded',
    '| Runbook | `reported` 1.0: What \\| is \\`reported\\` &lt;b&gt;here&lt;/b&gt; |',
    '| `commit` | `abc1` |',
    '| `mirror` | `https://mirror.example.com/a` |',
    '| `size` | `rows` | `42` |',
    '- On-call: #ops',
    '  - confirmed: It is there',
  ])
    expect(stdout).toContain(`${line}\n`)
  expect(stdout).toMatch(/^\| `token` \| `secret, from .*REPORT_TOKEN` \|$/m)
  expect(stdout).toMatch(/^\| Prepare \| DevOps \| ~5m \| \d.* \| 1 done, 1 skipped \|$/m)
  expect(stdout).toMatch(/`absent` skipped: when inputs\.release == "none" is false$/m)
  expect(stdout).toMatch(
    /`sign_off` \*\*QA\*\*: Look at it\. yes, by nobody \(assumed\): assumed: /m,
  )
  // Some milliseconds more than estimated are no news.
  expect(stdout).not.toContain('estimated were')
  expect(stdout).toMatch(
    /^- `write` cat written holds; saw `output = "1\.1"`, `inputs\.release = "1\.1"`$/m,
  )
  expect(finder(new Map([['token', SECRET]]))(stdout)).toEqual([])
})

test('of one that rolled back: why, what was undone, and nothing of a secret', async () => {
  const root = reported('echo "no $TOKEN" >&2; exit 3')
  expect((await runbook(root, deploy, { env })).code).toBe(4)
  const find = finder(new Map([['token', SECRET]]))
  const text = await runbook(root, ['report', 'reported', '--env', 'test', '--junit', 'steps.xml'])
  expect(text.code, text.stderr).toBe(0)
  expect(text.stdout).toContain('# reported 1.0 in test: rolled back\n')
  expect(text.stdout).toMatch(
    /^- \S+Z: everything that was done, by itself, because step last failed$/m,
  )
  expect(text.stdout).toMatch(/^\| `write` \| .* \| cat written \\\|\\\| true holds \|$/m)
  expect(text.stdout).toContain('  no ***(token)\n')
  const json = await runbook(root, ['report', '-o', 'json'])
  const report = JSON.parse(json.stdout) as Report
  expect(report).toMatchObject({
    runbook: 'reported',
    status: 'rolled_back',
    exit_code: 4,
    by: expect.any(String) as string,
    rollbacks: [{ automatic: true, why: 'step last failed' }],
    answers: [{ role: 'QA', yes: true, confirmed: ['It is there'] }],
  })
  expect(report.steps.map(({ id, status }) => `${id} ${status}`)).toEqual([
    'size done',
    'absent skipped',
    'write undone',
    'sign_off done',
    'last failed',
  ])
  const xml = readFileSync(join(root, 'steps.xml'), 'utf8')
  const faults: string[] = []
  const document = new DOMParser({
    onError: (_level, message) => faults.push(message),
  }).parseFromString(xml, 'text/xml')
  expect(faults).toEqual([])
  const [failed] = [...document.getElementsByTagName('failure')]
  expect(failed?.getAttribute('message')).toContain('its action failed')
  expect(failed?.textContent).toContain('no ***(token)')
  expect(find([text.stdout, json.stdout, xml].join('\n'))).toEqual([])
})

test('of one that still runs, as it stands', async () => {
  const root = reported('touch began; until test -e go; do sleep 0.02; done')
  const { ran } = start(root, deploy, { env })
  while (!existsSync(join(root, 'began'))) await sleep(5)
  const now = await runbook(root, ['report', '--junit', 'steps.xml'])
  expect(now.code, now.stderr).toBe(0)
  expect(now.stdout).toContain('# reported 1.0 in test: running\n')
  expect(now.stdout).toContain('| Ended | not yet: this is how it stands now |')
  expect(now.stdout).toMatch(/^\| `last` \| Last \| running \|/m)
  expect(readFileSync(join(root, 'steps.xml'), 'utf8')).toContain('<skipped message="running"/>')
  writeFileSync(join(root, 'go'), '')
  expect((await ran).code).toBe(0)
})

test('to a file, and to the summary of a CI job where there is one', async () => {
  const root = reported('"true"')
  await runbook(root, deploy, { env })
  const { stdout: whole } = await runbook(root, ['report'])
  const out = await runbook(root, ['report', '--out', 'report.md'])
  expect([out.code, out.stdout]).toEqual([0, ''])
  expect(readFileSync(join(root, 'report.md'), 'utf8')).toBe(whole)
  const file = join(root, 'summary.md')
  writeFileSync(file, 'before\n')
  const summed = await runbook(root, ['report', '--summary'], {
    env: { GITHUB_STEP_SUMMARY: file },
  })
  expect([summed.code, summed.stdout, summed.stderr]).toEqual([0, '', ''])
  expect(readFileSync(file, 'utf8')).toBe(`before\n${whole}\n`)
  const help = (await runbook(root, ['report', '--help'])).stdout.replaceAll(/\s+/g, ' ')
  expect(help).toContain("in a job of GitHub Actions: add it to the job's page")
  const alone = await runbook(root, ['report', '--summary'])
  expect([alone.code, alone.stdout]).toEqual([0, whole])
  expect(alone.stderr).toMatch(
    /^--summary is for a job of GitHub Actions.*without --summary.*--out report\.md\n$/,
  )
})

test('what cannot be written is said, and so is a run that is not there', async () => {
  const root = reported('"true"')
  expect(await runbook(root, ['report'])).toMatchObject({
    code: 0,
    stderr: 'Nothing has run here.\n',
  })
  await runbook(root, deploy, { env })
  mkdirSync(join(root, 'folder'))
  for (const [flag, path, why] of [
    ['--out', 'folder', 'EISDIR'],
    ['--junit', 'nowhere/steps.xml', 'ENOENT'],
  ] as const) {
    const ran = await runbook(root, ['report', flag, path])
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr).toContain(`${path} cannot be written: ${why}`)
  }
  const none = await runbook(root, ['report', '20250101-000000-none'])
  expect(none.code).toBe(2)
})
