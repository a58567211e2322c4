/** A tool that makes one backup, to be killed on the way. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backup } from '../../src/actions/backup.ts'

const [root = '', folder = ''] = process.argv.slice(2)
const never = () => Promise.reject(new Error('not asked for'))

await backup.perform(
  { verb: 'backup', database: process.env.DATABASE_URL ?? '', to: 'backups' },
  {
    root,
    cwd: root,
    env: { PATH: process.env.PATH ?? '' },
    timeout_ms: 20_000,
    interrupt: new AbortController().signal,
    folder,
    resolve: (value) => value,
    pieces: (text) => [{ text }],
    file: () => '',
    gate: async (process) => writeFileSync(join(root, 'process'), JSON.stringify(process)),
    output: () => {},
    ask: never,
    about: {
      run: 'r-1',
      runbook: 'sample',
      environment: 'test',
      status: 'running',
      step: 'backup',
    },
    channel: () => undefined,
    mask: (text) => text,
  },
)
