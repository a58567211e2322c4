/** The command line: one table of commands, each loaded only when it is the one asked for. */
import { Command, CommanderError, type Help } from 'commander'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'
import { commands, type CommandName } from './commands.ts'

const EXAMPLES = `
Examples:
  $ runbook plan qr-login --env sandbox      what would happen, and nothing of it done
  $ runbook deploy qr-login --env sandbox    run it, each step verified
  $ runbook status                           where the unfinished, or newest, run stands
  $ runbook rollback                         undo the newest run, each undo verified

Exit codes: 0 done, 2 usage or invalid input, 3 failed, 4 failed and rolled back, 5 a rollback failed,
6 a precondition does not hold, 7 another run is unfinished, 8 waiting, 9 refused, 10 stale or broken
record, 11 a decision is needed, 12 no store, 129/130/143 stopped by a signal with the record intact.`

/** Those that need no command. */
const OWN_OPTIONS = ['-h', '--help', '-V', '--version']

/** Throws exit 2 where options stand before their command: the value of one is then taken for it. */
function demandCommandFirst(argv: string[]): void {
  const [first = ''] = argv
  const at = argv.findIndex((word) => Object.hasOwn(commands, word))
  if (at < 1 || !first.startsWith('-') || OWN_OPTIONS.includes(first)) return
  const ordered = [...argv.slice(at), ...argv.slice(0, at)].map(shellWord).join(' ')
  throw failure(EXIT.usage, 'options come after the command', { hint: `runbook ${ordered}` })
}

/** Runs one command line (without the node and script words) and gives its exit code. */
export async function main(argv: string[]): Promise<number> {
  let exit: number = EXIT.ok
  const program = new Command('runbook')
    .description('Deployment runbooks that run: every step proven, every rollback verified.')
    .option('-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES)
    .configureHelp({
      sortSubcommands: false,
      helpWidth: 100,
      subcommandTerm: (c: Command) => c.name(),
    } satisfies Partial<Help>)
    .showHelpAfterError('(see: runbook --help)')
    .exitOverride()
    .helpCommand('help [command]', 'what a command does, with examples')
  const asked = argv.find((word) => !word.startsWith('-'))
  const wanted = asked === 'help' ? argv[argv.indexOf('help') + 1] : asked
  // Where help is asked of a command that there is none of, the word is what must be told of.
  const isLost =
    wanted !== undefined &&
    /^[^-]/.test(wanted) &&
    !Object.hasOwn({ ...commands, help: {} }, wanted)
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program
      .command(name)
      .summary(summary)
      .description(summary)
      .exitOverride()
      .showHelpAfterError(`(see: runbook ${name} --help)`)
    if (wanted !== (name as CommandName)) continue
    const { define } = await load()
    define(command, (code: number) => {
      exit = code
    })
  }
  try {
    demandCommandFirst(argv)
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(isLost ? [wanted] : argv, { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const { printError } = await import('../views/problem.ts')
    printError(error, process.stderr)
    return isRunbookError(error) ? error.exit : EXIT.fault
  }
}
