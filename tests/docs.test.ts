/** What README.md and docs/ show is tried here, so that they cannot rot. */
import { execSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { commands, type CommandName } from '../src/cli/commands.ts'
import { EXIT } from '../src/core/errors.ts'
import { formatProblem } from '../src/core/problems.ts'
import { lintFile } from '../src/language/read.ts'
import { jsonSchema } from '../src/language/schema.ts'

const documents = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))]
const text = (file: string): string => readFileSync(file, 'utf8')
const readme = text('README.md')
const language = text('docs/language.md')

interface Block {
  file: string
  line: number
  /** The words after the fence: `yaml steps`. */
  kind: string
  content: string
}

function blocksOf(file: string): Block[] {
  return [...text(file).matchAll(/^```(\S.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: text(file).slice(0, match.index).split('\n').length,
    kind: match[1] ?? '',
    content: match[2] ?? '',
  }))
}

const blocks = documents.flatMap(blocksOf)

const indented = (content: string, by: number): string =>
  content.replace(/^(?=.)/gm, ' '.repeat(by))

const TITLE = 'runbook: shown\ntitle: Shown\nversion: "1.0"\n'

const INPUTS = `inputs:
  app_url: { type: url }
  database_url: { type: url, secret: true }
  admin_token: { secret: true }
  release: {}
  releases: { default: /srv/releases }
  settle: { default: 60s }
  strategy: { default: systemd }
  workers: { type: integer, default: 4 }
`

const ENVIRONMENTS = 'environments:\n  local: {}\n'

const SCOPES = `rollback_scopes:
  app: { title: The release. }
  database: { title: The schema. }
`

const PHASES =
  'phases:\n  - id: only\n    steps:\n      - { id: nothing, verify: { run: "true" } }\n'

/** A fragment in the place for which it is shown, as a whole runbook. */
const frames: Record<string, (content: string) => string> = {
  'yaml runbook': (content) => content,
  'yaml steps': (content) =>
    `${TITLE}${INPUTS}${ENVIRONMENTS}${SCOPES}phases:\n  - id: only\n    steps:\n${indented(content, 6)}`,
  'yaml phases': (content) =>
    `${TITLE}${INPUTS}${ENVIRONMENTS}${SCOPES}phases:\n${indented(content, 2)}`,
  'yaml head': (content) =>
    `${TITLE}${content}${/^environments:/m.test(content) ? '' : ENVIRONMENTS}${PHASES}`,
  'yaml finally': (content) =>
    `${TITLE}${INPUTS}environments:\n  local: { channels: { team: { command: [cat] } } }\n${PHASES}finally:\n${indented(content, 2)}`,
  'yaml check': (content) => {
    const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(content)?.[1] ?? ''
    const use = `      - id: asked\n        verify: { check: ${field('check')}, with: ${field('example')} }\n`
    return `${TITLE}${INPUTS}${ENVIRONMENTS}phases:\n  - id: only\n    steps:\n${use}`
  },
}

const root = mkdtempSync(join(tmpdir(), 'runbook-docs-'))
afterAll(() => {
  rmSync(root, { recursive: true })
})
for (const folder of ['runbooks', 'checks', 'migrations', 'scripts']) mkdirSync(join(root, folder))
writeFileSync(join(root, 'migrations/001.sql'), 'SELECT 1;\n')

const yaml = blocks.filter(({ kind }) => kind.startsWith('yaml'))

describe('YAML that is shown is sound', () => {
  test.each(yaml)('$file:$line $kind', async ({ kind, content }) => {
    const frame = frames[kind]
    if (frame === undefined)
      throw new Error(`"${kind}" is none of ${Object.keys(frames).join(', ')}`)
    const script = blocks.find(({ kind: k, content: c }) => k === 'js' && c.includes('count.mjs'))
    writeFileSync(join(root, 'scripts/count.mjs'), script?.content ?? '')
    const name = /^check: (.*)$/m.exec(content)?.[1]
    if (kind === 'yaml check') writeFileSync(join(root, `checks/${name ?? ''}.yaml`), content)
    const whole = frame(content)
    const path = join(root, 'runbooks', `${/^runbook: (\S+)/m.exec(whole)?.[1] ?? ''}.yaml`)
    writeFileSync(path, whole)
    const problems = await lintFile(path, root)
    expect(problems.map(formatProblem), whole).toEqual([])
  })

  test('there is some', () => {
    expect(new Set(yaml.map(({ kind }) => kind))).toEqual(new Set(Object.keys(frames)))
  })
})

/** Every key of the language, wherever it stands; free names, such as those of inputs, are none. */
function keysOf(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(keysOf)
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, inner]) =>
    key === 'properties'
      ? [...Object.keys(inner as object), ...Object.values(inner as object).flatMap(keysOf)]
      : keysOf(inner),
  )
}

describe('docs/language.md', () => {
  const shown = yaml.filter(({ file }) => file === 'docs/language.md').map(({ content }) => content)

  test.each([...new Set(keysOf(jsonSchema()))].toSorted())(
    'says what %s is, and shows it',
    (key) => {
      const word = new RegExp(`\`[^\`]*\\b${key}\\b[^\`]*\``)
      expect(word.test(language), `\`${key}\` is not named`).toBe(true)
      const used = new RegExp(`(^|[{,-]) *${key}:`, 'm')
      expect(used.test(shown.join('\n')), `${key}: is in no example`).toBe(true)
    },
  )
})

/** The options of every command, and of its own commands. */
const options = new Map<string, Set<string>>()
for (const name of Object.keys(commands) as CommandName[]) {
  const command = new Command(name)
  const { define } = await commands[name].load()
  define(command, () => undefined)
  const all = [command, ...command.commands].flatMap((c) => c.options)
  options.set(name, new Set(['--help', ...all.flatMap(({ long }) => long ?? [])]))
}

/** Command lines as they are shown: `runbook …` in code, up to the end of the code. */
function commandLines(file: string): string[] {
  const inBlocks = blocksOf(file)
    .filter(({ kind }) => kind === 'sh')
    .flatMap(({ content }) => content.split('\n'))
  const inText = [
    ...text(file)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .matchAll(/`([^`]+)`/g),
  ]
  return [...inBlocks, ...inText.map((match) => match[1] ?? '')].flatMap((code) =>
    code
      .split(/&&|#/)
      .flatMap((part) => /^(?:npx )?runbook\b(?!:)(.*)$/.exec(part.trim())?.[1]?.trim() || []),
  )
}

describe('commands that are shown are there', () => {
  test.each(documents.flatMap((file) => commandLines(file).map((line) => [file, line] as const)))(
    '%s: runbook %s',
    (_file, line) => {
      const [name = ''] = line.split(' ')
      expect([...options.keys()]).toContain(name)
      for (const [flag] of line.matchAll(/--[a-z-]+/g))
        expect([...(options.get(name) ?? [])]).toContain(flag)
    },
  )

  const rows = [...readme.matchAll(/^\| `runbook (\w+)[^|]*\| (.*) \|$/gm)]

  test('the table of the README has every command, in order', () => {
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(commands))
  })

  test.each(rows.map(([, name, row]) => [name, row] as const))(
    'the flags in the row of %s are its own',
    (name = '', row = '') => {
      for (const [flag] of row.matchAll(/--[a-z-]+/g))
        expect([...(options.get(name) ?? [])]).toContain(flag)
    },
  )
})

const tested = /^(?:\w+=\w+ )?npm (?:run )?(test[:\w]*) -- (\S+)/gm
test.each([...readme.matchAll(tested)].map(([line, script, wanted]) => [line, script, wanted]))(
  '%s: there are such tests',
  (_line, script, wanted = '') => {
    const [, runs = ''] = Object.entries(manifest.scripts).find(([name]) => name === script) ?? []
    const lists = runs.replace('vitest run', 'node_modules/.bin/vitest list --filesOnly')
    expect(execSync(`${lists} ${wanted}`, { encoding: 'utf8' })).toMatch(/\.test\.ts$/m)
  },
  30_000,
)

test('the table of exit codes has every code, in order', () => {
  const table = /^\| exit \| meaning \|\n(?:\|.*\n)+/m.exec(readme)?.[0] ?? ''
  const codes = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, row]) =>
    (row ?? '').split(', ').map(Number),
  )
  expect(codes).toEqual(Object.values(EXIT))
})

test('the table of systems has every runbook', () => {
  const names = readdirSync('runbooks').map((file) => file.replace(/\.ya?ml$/, ''))
  for (const name of names) expect(readme).toContain(`[${name}](runbooks/${name}.yaml)`)
})

test('the table of folders has every folder of src, left to right', () => {
  const folders = [...readme.matchAll(/^\| `(\w+)\/` \| /gm)].map((match) => match[1] ?? '')
  const there = readdirSync('src', { withFileTypes: true }).flatMap((f) =>
    f.isDirectory() ? [f.name] : [],
  )
  expect(folders.filter((name) => there.includes(name)).toSorted()).toEqual(there.toSorted())
})

/** What a heading is called in a link: GitHub's way, as far as these headings go. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-')

test.each(documents)('the links of %s lead somewhere', (file) => {
  for (const [, target = ''] of text(file).matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('https:')) continue
    const [path = '', section] = target.split('#')
    const to = path === '' ? file : join(file, '..', path)
    expect(existsSync(to), target).toBe(true)
    if (section === undefined) continue
    const headings = [...text(to).matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1] ?? ''))
    expect(headings, target).toContain(section)
  }
})
