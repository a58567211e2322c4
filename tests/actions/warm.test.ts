/** A shell that waited does what one that is started for it does, in the same place and with the same words. */
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { performGated } from '../../src/actions/gated.ts'
import { physicalFolder } from '../../src/lib/processes.ts'
import { coolDown, keepWarm, warmUp } from '../../src/lib/warm.ts'
import { context, folder } from './context.ts'

afterEach(coolDown)

const isWarm = `tr '\\0' ' ' < /proc/$$/cmdline | grep -q 'while IFS' && echo warm || echo cold`

interface Where {
  /** An action passes the gate, a check does not. */
  recoverable: boolean
  cwd?: string
  env?: Record<string, string>
  /** Of the operator. */
  base?: Record<string, string>
}

/** What a script says when a shell waits for it, or none does. */
async function ends(script: string, root: string, warm: boolean, where: Where) {
  const { recoverable, cwd = root } = where
  const base = { PATH: process.env.PATH ?? '', HOME: root, ...where.base }
  const at = context({}, { root, cwd, env: { ...base, ...where.env }, recoverable })
  if (warm) {
    keepWarm(base, root)
    warmUp()
  }
  const end = await performGated(at, { command: { script } })
  await coolDown()
  const { exit_code, stdout, stderr, unstarted } = end
  return { exit_code, stdout: stdout.text, stderr: stderr.text, unstarted, gated: at.gated.length }
}

/** What bash sets itself, and what changes how it works. */
const NAMES = `_ BASH BASHOPTS BASHPID BASH_ARGV0 BASH_COMPAT
  BASH_ENV BASH_FUNC_f%% BASH_SUBSHELL BASH_VERSION BASH_XTRACEFD
  CDPATH COMP_WORDBREAKS DIRSTACK ENV EUID EXECIGNORE FUNCNAME FUNCNEST GLOBIGNORE GROUPS
  HISTCMD HOSTNAME IFS IGNOREEOF LANG LC_ALL LC_NUMERIC LINENO OLDPWD OPTARG OPTERR OPTIND
  PIPESTATUS POSIXLY_CORRECT PPID PS1 PS4 PWD RANDOM REPLY SECONDS SHELLOPTS SHLVL SRANDOM
  TIMEFORMAT TMOUT TMPDIR UID`.split(/\s+/)
const VALUES: Record<string, string> = {
  CDPATH: '/usr',
  BASH_ENV: '/usr',
  IFS: ',',
  OLDPWD: '/usr',
}
const RANDOM = ['BASHPID', 'RANDOM', 'SRANDOM']
/** Those that an operator may have in the environment. */
const EXPORTED =
  `BASH_ENV CDPATH GLOBIGNORE IFS OLDPWD OPTIND POSIXLY_CORRECT PS4 PWD REPLY SECONDS SHLVL
  TMOUT UID`.split(/\s+/)

describe.each([
  ['an action', true],
  ['a check', false],
])('%s', (_name, recoverable) => {
  /** The same end both ways. */
  async function same(script: string, root: string, where: Omit<Where, 'recoverable'>) {
    const cold = await ends(script, root, false, { ...where, recoverable })
    const warm = await ends(script, root, true, { ...where, recoverable })
    expect(warm).toEqual(cold)
    return cold
  }

  test('takes the shell that waits, with an environment and a folder of its own', async () => {
    const root = folder()
    mkdirSync(join(root, 'sub'))
    const where = { cwd: join(root, 'sub'), env: { GREETING: 'hello', PATH: '/usr/bin:/bin' } }
    const told = await ends(isWarm, root, true, { ...where, recoverable })
    expect(told).toMatchObject({ exit_code: 0, stdout: 'warm\n' })
  })

  test.each(['current', 'current/.', 'current/inner/..'])(
    'is in the folder that a link leads to: %s',
    async (cwd) => {
      const root = realpathSync(folder())
      mkdirSync(join(root, 'releases/1.0/inner'), { recursive: true })
      symlinkSync('releases/1.0', join(root, 'current'))
      const script = `pwd; echo "$PWD \${OLDPWD-}"; env | grep PWD; declare -p PWD OLDPWD
        cd ..; pwd; cd - ; env | grep PWD | sort`
      const base = { PWD: join(root, 'current'), OLDPWD: '/usr' }
      const { stdout } = await same(script, root, { cwd: `${root}/${cwd}`, base })
      const real = join(root, 'releases/1.0')
      expect(stdout.split('\n').slice(0, 3)).toEqual([real, `${real} `, `PWD=${real}`])
      expect(stdout).toContain(`\n${join(root, 'releases')}\n`)
    },
  )

  test.each([
    ['missing', 'no/such', 'does not exist'],
    ['a file', 'file', 'is not a folder'],
    ['below a file', 'file/sub', 'is not a folder'],
    ['a link to nothing', 'dangling', 'does not exist'],
    ['a link to itself', 'loop', 'cannot be entered: ELOOP'],
  ])('never begins where its folder is %s', async (_what, cwd, why) => {
    const root = folder()
    writeFileSync(join(root, 'file'), '')
    symlinkSync('nowhere', join(root, 'dangling'))
    symlinkSync('loop', join(root, 'loop'))
    const end = await same('echo on', root, { cwd: join(root, cwd) })
    expect(end.unstarted).toContain(`the working folder ${join(root, cwd)} ${why}`)
    expect(end.stdout).toBe('')
    expect(end.gated).toBe(recoverable ? 0 : 1)
  })

  test('hands on what bash treats in a way of its own', async () => {
    const root = folder()
    mkdirSync(join(root, 'bin'))
    writeFileSync(join(root, '.hidden'), '')
    for (const name of NAMES) {
      const show = RANDOM.includes(name) ? 'true' : `declare -p ${name}; env | grep ^${name}=`
      const script = `set +eu; : ${name}; x='a,b 7c'; set -- $x; echo $# * $- $BASHOPTS; cd bin; ${show}`
      const env = { [name]: VALUES[name] ?? '7' }
      await same(script, root, { env })
      if (EXPORTED.includes(name)) await same(script, root, { env, base: env })
    }
  }, 60_000)
})

test('a shell that waited counts SECONDS from when it is told', async () => {
  const root = folder()
  const base = { PATH: process.env.PATH ?? '' }
  keepWarm(base, root)
  warmUp()
  await sleep(2100)
  const at = context({}, { root, env: base })
  const { stdout } = await performGated(at, { command: { script: `echo $SECONDS; ${isWarm}` } })
  expect(stdout.text).toMatch(/^[01]\nwarm\n$/)
})

test('no process can be where it may not enter', () => {
  const root = folder()
  const closed = join(root, 'closed')
  mkdirSync(closed, { mode: 0o600 })
  chmodSync(root, 0o755)
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    expect(() => physicalFolder(closed)).toThrow(`the working folder ${closed} may not be entered`)
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})
