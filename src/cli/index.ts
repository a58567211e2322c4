import { Command } from 'commander'

/** Runs one command line and gives its exit code. */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('runbook')
    .description('Deployment runbooks that run: every step proven, every rollback verified.')
    .option('-V, --version', 'print the version')
  await program.parseAsync(argv, { from: 'user' })
  if (argv.length === 0) program.outputHelp()
  return 0
}
