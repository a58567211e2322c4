// pnpm typecheck: every package by itself, as a task runner would do it, and the
// sum at the end. What they share is read once.
import { readFileSync } from 'node:fs'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
  compilerOptions: object
}
const { options, errors } = ts.convertCompilerOptionsFromJson(compilerOptions, root)
if (errors.length > 0) throw new Error('tsconfig.json is not sound')

const host = ts.createCompilerHost(options)
const read = host.getSourceFile.bind(host)
const kept = new Map<string, ts.SourceFile | undefined>()
host.getSourceFile = (name, ...rest) => {
  if (!kept.has(name)) kept.set(name, read(name, ...rest))
  return kept.get(name)
}

const packages = globSync('{apps,packages}/*/package.json', { cwd: root }).sort()
let good = 0
let before: ts.Program | undefined
for (const one of packages) {
  const folder = join(root, one, '..')
  const files = globSync('**/*.ts', { cwd: folder }).map((name) => join(folder, name))
  const program = ts.createProgram(files, options, host, before)
  before = program
  const found = ts.getPreEmitDiagnostics(program)
  process.stdout.write(ts.formatDiagnostics(found, host))
  const { name } = JSON.parse(readFileSync(join(root, one), 'utf8')) as { name: string }
  process.stdout.write(`${name}:typecheck: ${found.length} errors\n`)
  if (found.length === 0) good += 1
}
process.stdout.write(`\n Tasks:    ${good} successful, ${packages.length} total\n`)
process.exitCode = good === packages.length ? 0 : 1
