/** The sandbox of logins by OAuth, as it is seen from outside. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { linesOf } from '../tool.ts'
import { dump, input, type Dump, type Open, type Place } from '../sandbox/place.ts'

const execute = promisify(execFile)

/** What there is, seen by pg_dump, by git, in the files of the machine, and by asking both instances. */
export interface Backend extends Dump {
  releases: string[]
  links: string[]
  worktrees: number
  config: string
  versions: (string | undefined)[]
  healthy: boolean[]
}

const HOSTS = ['backend-1', 'backend-2']
const askEach = (here: Open, path: string): Promise<Response[]> =>
  Promise.all(
    HOSTS.map((host) => fetch(`${input(here, 'app_url')}/-/units/backend-api@${host}${path}`)),
  )

/** The version that each instance says it is. */
export async function versions(here: Open): Promise<(string | undefined)[]> {
  const said = (await askEach(here, '/version')).map((answer) => answer.json())
  return (await Promise.all(said)).map((one) => (one as { version?: string }).version)
}

export async function backend({ machine }: Place, here: Open): Promise<Backend> {
  const at = (path: string) => join(machine, path)
  const { stdout: worktrees } = await execute('git', ['-C', at('backend'), 'worktree', 'list'])
  return {
    ...(await dump(input(here, 'database_url'))),
    releases: readdirSync(at('releases')).sort(),
    links: HOSTS.map((host) => readlinkSync(at(`releases/current-${host}`))),
    worktrees: worktrees.trim().split('\n').length,
    config: readFileSync(at('config/backend.env'), 'utf8'),
    versions: await versions(here),
    healthy: (await askEach(here, '/health')).map(({ ok }) => ok),
  }
}

/** What the mail server got, and what the team's channel did. */
export const told = ({ machine }: Place, service: 'messages' | 'mail'): string[] =>
  linesOf(join(machine, `../../${service}/data/inbox.jsonl`)).map(
    (line) => (JSON.parse(line) as { text: string }).text,
  )
