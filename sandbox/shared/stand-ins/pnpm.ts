// Stand-in for pnpm: runs the scripts of a package.json, here or, with --filter, in
// the package of that name below. Nothing is ever downloaded.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fail, runTool } from './tool.ts'

interface Package {
  name?: string
  scripts?: Record<string, string>
}

const packageOf = (file: string): Package => JSON.parse(readFileSync(file, 'utf8')) as Package

function folderOf(filter: string | undefined): string {
  if (filter === undefined) return process.cwd()
  const files = globSync('*/{,*/}package.json', {
    exclude: (name) => String(name).includes('node_modules'),
  })
  const file = files.find((one) => packageOf(one).name === filter)
  return file === undefined ? fail(1, `No projects matched the filters "${filter}"`) : dirname(file)
}

const flags = ['-F, --filter=', '-s, --silent', '-r, --recursive']
await runTool({
  name: 'pnpm',
  usage: 1,
  flags,
  unknownFlag: (flag) => ` ERROR  Unknown option: '${flag}'`,
  commands: {
    install: {
      flags: ['--frozen-lockfile', '--prod', '--offline', '--prefer-offline'],
      run: () => undefined,
    },
    '': {
      words: [1, Infinity],
      rest: true,
      run({ words, value }) {
        const [script = '', ...args] = words[0] === 'run' ? words.slice(1) : words
        const folder = folderOf(value('filter'))
        const file = join(folder, 'package.json')
        const command = existsSync(file) ? packageOf(file).scripts?.[script] : undefined
        if (command === undefined) fail(1, ` ERR_PNPM_NO_SCRIPT  Missing script: ${script}`)
        // Arguments come after the script's own command, each as it is.
        const ended = spawnSync('sh', ['-c', `${command} "$@"`, 'sh', ...args], {
          cwd: folder,
          stdio: 'inherit',
        })
        process.exitCode = ended.status ?? 1
      },
    },
  },
})
