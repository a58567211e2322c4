/** A real terminal: tmux holds the pseudo-terminal, and knows what a person would see in it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { bin } from '../tool.ts'

/** Whether there is one; where there is none its tests are skipped, which their title says. */
export const tmux = spawnSync('tmux', ['-V']).status === 0

export const titled = (title: string): string =>
  tmux ? title : `${title} (SKIPPED: tmux is not installed)`

export interface Terminal {
  /** The rows as they are once nothing is half painted. */
  screen(): Promise<string[]>
  /** The same with all that has scrolled off the top. */
  everything(): string[]
  /** Waits until the screen, as one text, has this; gives the screen back. */
  shows(what: RegExp, within_ms?: number): Promise<string[]>
  type(...keys: string[]): void
  resize(rows: number, columns: number): void
  cursorShown(): boolean
  /** The exit code of the command; waits for it. */
  exit(within_ms?: number): Promise<number>
  /** As when the window is closed: the command gets a hang-up. */
  hangUp(): void
  dispose(): void
}

/** Opens a terminal of this size in which the tool runs with these words; or any shell command. */
export function terminal(
  root: string,
  what: readonly string[] | string,
  { rows = 24, columns = 80 } = {},
): Terminal {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-tmux-'))
  const code = join(folder, 'exit')
  // -S: a socket of its own, so that nobody's session is touched.
  const ours = ['-u', '-S', join(folder, 'socket'), '-f', '/dev/null']
  const env = { ...quiet(process.env), LC_ALL: 'C.UTF-8' }
  const call = (...args: string[]): string =>
    execFileSync('tmux', [...ours, ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const words = [process.execPath, bin, ...(typeof what === 'string' ? [] : what)].map(quoted)
  const tool = `runbook() { ${words.slice(0, 2).join(' ')} "$@"; }`
  const command = typeof what === 'string' ? what : words.join(' ')
  // The shell outlives Ctrl-C, to write down the exit code. Of a hang-up it dies like any shell: only
  // then does the kernel tell those in its foreground.
  const line = `trap : INT TERM; ${tool}; cd ${quoted(root)}; ${command}; echo $? > ${quoted(code)}; while :; do sleep 1; done`
  const size = ['-x', String(columns), '-y', String(rows)]
  call('new-session', '-d', ...size, `exec bash -c ${quoted(line)}`)
  const pid = Number(call('display', '-p', '#{pane_pid}'))

  const tell = controlled(ours, env)
  const captured = async (): Promise<string[]> => {
    const rows = await tell('capture-pane', '-p')
    return rows.at(-1) === '' ? rows.slice(0, -1) : rows
  }
  const screen = async (): Promise<string[]> => {
    // What tmux has read by now may end in the middle of a picture; the same twice does not.
    for (let before = await captured(), tries = 0; ; tries += 1) {
      await sleep(15)
      const now = await captured()
      if (tries > 50 || now.join('\n') === before.join('\n')) return now
      before = now
    }
  }
  const until = async <T>(
    look: () => T | undefined | Promise<T | undefined>,
    ms: number,
    or: string,
  ) => {
    for (const over = performance.now() + ms; ; await sleep(20)) {
      const found = await look()
      if (found !== undefined) return found
      if (performance.now() > over)
        throw new Error(`${or}:\n${(await captured().catch((why) => [String(why)])).join('\n')}`)
    }
  }
  return {
    screen,
    everything: () => call('capture-pane', '-p', '-S', '-').replace(/\n$/, '').split('\n'),
    shows: (wanted, ms = 15_000) =>
      until(
        async () => {
          const rows = await screen()
          return wanted.test(rows.join('\n')) ? rows : undefined
        },
        ms,
        `the screen never showed ${String(wanted)}`,
      ),
    type: (...keys) => void tell('send-keys', ...keys),
    resize: (r, c) => void tell('resize-window', '-x', String(c), '-y', String(r)),
    cursorShown: () => call('display', '-p', '#{cursor_flag}').trim() === '1',
    exit: (ms = 40_000) =>
      until(
        () =>
          existsSync(code) && readFileSync(code, 'utf8') !== ''
            ? Number(readFileSync(code, 'utf8'))
            : undefined,
        ms,
        'the command did not end',
      ),
    hangUp: () => void call('kill-server'),
    dispose: () => {
      try {
        call('kill-server')
      } catch {
        // It is gone already.
      }
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // So is the shell.
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const GONE = 'the terminal is gone'

/**
 * One client that stays and is told what to do line by line: a process for each look would cost more than
 * all that is looked at. Comes back with what was printed.
 */
function controlled(
  ours: string[],
  env: NodeJS.ProcessEnv,
): (...words: string[]) => Promise<string[]> {
  const client = spawn('tmux', [...ours, '-C', 'attach', '-f', 'ignore-size,no-output'], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  // The server ends first.
  client.stdin.on('error', () => undefined)
  const asked: { resolve: (rows: string[]) => void; reject: (why: Error) => void }[] = []
  let rows: string[] = []
  let end: string | undefined
  let gone = false
  createInterface(client.stdout).on('line', (line) => {
    // Its last word is 1 when it is about what we told.
    const [word = '', ...about] = line.split(' ')
    if (end === undefined) {
      if (word === '%begin' && about[2] === '1') [end, rows] = [about.join(' '), []]
    } else if (!/^%(end|error)$/.test(word) || about.join(' ') !== end) rows.push(line)
    else {
      end = undefined
      if (word === '%end') asked.shift()?.resolve(rows)
      else asked.shift()?.reject(new Error(rows.join('\n')))
    }
  })
  client.on('close', () => {
    gone = true
    for (const { reject } of asked) reject(new Error(GONE))
  })
  return (...words) => {
    if (gone) return Promise.reject(new Error(GONE))
    const said = new Promise<string[]>((resolve, reject) => asked.push({ resolve, reject }))
    client.stdin.write(`${words.map(quoted).join(' ')}\n`)
    return said
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** A CI's own variables would turn the painting off. */
function quiet(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const unwanted =
    /^(CI|RUNBOOK_.*|FORCE_COLOR|NO_COLOR|GITHUB_.*|TF_BUILD|NODE_OPTIONS|VITEST.*|TMUX.*|TERM)$/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !unwanted.test(name)))
}
