// Stand-in for pip, with folders of packages that it is told (--target, --path).
import { type Call, fail, runTool, say } from '../../shared/stand-ins/tool.ts'
import { install, installedIn, missingIn, requirementsIn } from './packages.ts'

function error(message: string): never {
  return fail(1, `ERROR: ${message}`)
}

function installAll({ value, has }: Call): void {
  const file = value('requirement') ?? error('You must give at least one requirement to install')
  const target = value('target') ?? error('here the folder to install into is needed (--target)')
  try {
    const wanted = requirementsIn(file)
    const missing = missingIn(target, wanted)
    if (!has('dry-run')) install(target, missing)
    for (const one of wanted.filter((one) => !missing.includes(one)))
      say(`Requirement already satisfied: ${one.name}==${one.version} in ${target}`)
    const names = missing.map(({ name, version }) => `${name}-${version}`).join(' ')
    if (names !== '') say(`${has('dry-run') ? 'Would install' : 'Successfully installed'} ${names}`)
  } catch (problem) {
    error((problem as Error).message)
  }
}

function list({ value }: Call): void {
  const path = value('path') ?? error('here the folder to look in is needed (--path)')
  const format = value('format') ?? 'freeze'
  if (format !== 'freeze' && format !== 'json') error('here --format is freeze or json')
  const all = installedIn(path)
  if (format === 'json') say(JSON.stringify(all))
  else for (const { name, version } of all) say(`${name}==${version}`)
}

const common = ['-q, --quiet', '--disable-pip-version-check', '--no-input']
await runTool({
  name: 'pip',
  usage: 2,
  flags: common,
  unknownFlag: (flag) => `no such option: ${flag}`,
  commands: {
    install: {
      flags: ['-r, --requirement=', '-t, --target=', '-U, --upgrade', '--dry-run'],
      run: installAll,
    },
    list: { flags: ['--path=', '--format='], run: list },
    freeze: { flags: ['--path='], run: list },
  },
})
