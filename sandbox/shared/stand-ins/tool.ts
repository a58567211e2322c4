// What every stand-in shares: a record of its calls, a way to be told to fail, and
// strictness about arguments: what the tool's manual does not have is refused, as
// the tool would refuse it, and what this stand-in cannot do is refused too.
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/**
 * What a command takes. A flag is written as in a manual: `-q, --quiet` has no value, `-t, --tag=` has one
 * and may come again, `--dry-run[=]` may have one, after an equals sign only. It is known by its last name
 * without dashes.
 */
export interface Command {
  flags?: readonly string[]
  /** How few and how many words after the command's own; none when left out. */
  words?: readonly [least: number, most: number]
  /** Flags end at the first word: the rest is a command of its own. */
  rest?: boolean
  run(call: Call): void | Promise<void>
}

export interface Call {
  words: string[]
  has(flag: string): boolean
  /** Its value, the last one where it came again. */
  value(flag: string): string | undefined
  values(flag: string): string[]
}

export interface Tool {
  name: string
  /** By its words: `run`, `image inspect`; '' is the tool without any. */
  commands: Readonly<Record<string, Command>>
  /** Flags that every command has, and that may come before it. */
  flags?: readonly string[]
  /** Flags between a first word and the rest of its commands, as in `docker compose -f FILE up`. */
  groups?: Readonly<Record<string, readonly string[]>>
  /** A command's own flags may come before it as well. */
  anywhere?: boolean
  /** The exit code of wrong usage. */
  usage: number
  /** How it words a flag it does not know. */
  unknownFlag: (flag: string) => string
}

interface Flag {
  name: string
  value: 'none' | 'needed' | 'possible'
}

function flagsOf(texts: readonly string[]): Map<string, Flag> {
  const flags = new Map<string, Flag>()
  for (const text of texts) {
    const [, names = '', mark = ''] = /^(.*?)(=|\[=\])?$/.exec(text) ?? []
    const all = names.split(', ')
    const name = (all.at(-1) ?? '').replace(/^-+/, '')
    const value = mark === '=' ? 'needed' : mark === '' ? 'none' : 'possible'
    for (const one of all) flags.set(one, { name, value })
  }
  return flags
}

type Found = Map<string, string[]>

/**
 * Takes the flag at `i` out of the arguments into `found`. Where the next argument is; or what is wrong.
 */
function takeFlag(
  args: readonly string[],
  i: number,
  flags: ReadonlyMap<string, Flag>,
  found: Found,
): number | string {
  const arg = args[i] ?? ''
  const add = (flag: Flag, value: string): unknown =>
    found.set(flag.name, [...(found.get(flag.name) ?? []), value])
  const at = arg.startsWith('--') ? arg.indexOf('=') : -1
  const name = at === -1 ? arg : arg.slice(0, at)
  const flag = flags.get(name)
  if (flag !== undefined) {
    const follows = at === -1 && flag.value === 'needed'
    const value = at !== -1 ? arg.slice(at + 1) : follows ? args[i + 1] : ''
    if (value === undefined) return `${name} (without its value)`
    // As Go's tools have it: --quiet=true is --quiet.
    if (flag.value === 'none' && at !== -1 && value !== 'true') return arg
    add(flag, value)
    return follows ? i + 2 : i + 1
  }
  if (arg.startsWith('--')) return arg
  const short = flags.get(arg.slice(0, 2))
  if (short?.value === 'needed') add(short, arg.slice(2).replace(/^=/, ''))
  else {
    const letters = [...arg.slice(1)].map((letter) => flags.get(`-${letter}`))
    if (!letters.every((one) => one?.value === 'none')) return arg
    for (const one of letters) if (one !== undefined) add(one, '')
  }
  return i + 1
}

const isFlag = (arg: string): boolean => arg.startsWith('-') && arg !== '-' && arg !== '--'

/** Records the call, and is slow or fails when a test wants it to. */
async function record(tool: string, args: readonly string[]): Promise<void> {
  const file = process.env['STANDIN_RECORD']
  if (file !== undefined && file !== '') appendFileSync(file, JSON.stringify({ tool, args }) + '\n')
  // STANDIN_FAIL=kubectl, or "kubectl rollout" for that one command; several with commas.
  const line = `${[tool, ...args].join(' ')} `
  const named = (variable: string): boolean =>
    (process.env[variable] ?? '').split(',').some((w) => w !== '' && line.startsWith(`${w} `))
  if (named('STANDIN_SLOW')) await sleep(800)
  if (named('STANDIN_FAIL')) fail(1, `${tool}: told to fail by STANDIN_FAIL`)
}

/** The flags that may stand before the command is complete. */
function before(tool: Tool, path: readonly string[]): string[] {
  const group = path[0] === undefined ? undefined : tool.groups?.[path[0]]
  const every = Object.values(tool.commands).flatMap((command) => command.flags ?? [])
  return [...(tool.flags ?? []), ...(group ?? []), ...(tool.anywhere === true ? every : [])]
}

/** Reads the command line of this process and does what it says. What goes wrong ends it, in words. */
export async function runTool(tool: Tool): Promise<void> {
  const args = process.argv.slice(2)
  await record(tool.name, args)
  const refuse = (message: string): never => fail(tool.usage, message)
  const keys = Object.keys(tool.commands)
  const begins = (path: readonly string[]): boolean =>
    keys.some((key) => `${key} `.startsWith(`${path.join(' ')} `))

  // The command's own words come first, with only flags between them that are not its own.
  const found: Found = new Map()
  const path: string[] = []
  let i = 0
  while (i < args.length) {
    const arg = args[i] ?? ''
    if (isFlag(arg)) {
      if (keys.includes(path.join(' '))) break
      const next = takeFlag(args, i, flagsOf(before(tool, path)), found)
      if (typeof next === 'string') return refuse(tool.unknownFlag(next))
      i = next
    } else if (begins([...path, arg])) {
      path.push(arg)
      i++
    } else break
  }
  const name = path.join(' ')
  const command = tool.commands[name]
  if (command === undefined)
    return refuse(
      `${tool.name}: unknown command "${[...path, args[i] ?? ''].join(' ').trim()}". (This stand-in knows ${keys.join(', ')}.)`,
    )

  const flags = flagsOf([...(tool.flags ?? []), ...(command.flags ?? [])])
  const words: string[] = []
  while (i < args.length) {
    const arg = args[i] ?? ''
    if (arg === '--' || (command.rest === true && words.length > 0)) {
      words.push(...args.slice(arg === '--' ? i + 1 : i))
      break
    }
    if (isFlag(arg)) {
      const next = takeFlag(args, i, flags, found)
      if (typeof next === 'string') return refuse(tool.unknownFlag(next))
      i = next
    } else {
      words.push(arg)
      i++
    }
  }
  const [least, most] = command.words ?? [0, 0]
  if (words.length < least || words.length > most) {
    const many = least === most ? String(least) : `${least} to ${most === Infinity ? 'any' : most}`
    return refuse(`${tool.name} ${name}: ${many} arguments are needed, ${words.length} given`)
  }
  try {
    await command.run({
      words,
      has: (flag) => found.has(flag),
      value: (flag) => found.get(flag)?.at(-1),
      values: (flag) => found.get(flag) ?? [],
    })
  } catch (error) {
    fail(1, `${tool.name}: ${(error as Error).message}`)
  }
}
