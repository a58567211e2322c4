// pnpm typecheck: every package by itself, as a task runner would do it, and the
// sum at the end. What they share is read and understood once.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
  compilerOptions: object
}
const { options, errors } = ts.convertCompilerOptionsFromJson(compilerOptions, root)
if (errors.length > 0) throw new Error('tsconfig.json is not sound')

const packages = globSync('{apps,packages}/*/package.json', { cwd: root })
  .sort()
  .map((one) => {
    const folder = join(root, one, '..')
    const { name } = JSON.parse(readFileSync(join(root, one), 'utf8')) as { name: string }
    return { name, files: globSync('**/*.ts', { cwd: folder }).map((file) => join(folder, file)) }
  })
const files = packages.flatMap((one) => one.files)
const host = ts.createCompilerHost(options)
const program = ts.createProgram(files, options, host)
let good = 0
for (const { name, files } of packages) {
  const found = files.flatMap((file) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(file)),
  )
  process.stdout.write(ts.formatDiagnostics(found, host))
  process.stdout.write(`${name}:typecheck: ${found.length} errors\n`)
  if (found.length === 0) good += 1
}
process.stdout.write(`\n Tasks:    ${good} successful, ${packages.length} total\n`)
process.exitCode = good === packages.length ? 0 : 1
