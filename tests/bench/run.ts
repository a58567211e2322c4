/**
 * `npm run bench [-- quick]`: start-up beside `node -e ''`, and the cost of a step beside a floor in C
 * that does the same work with the same durability. The machines are noisy: every round times all the
 * contenders in turn, and the figures are medians of ratios within a round. Not within five minutes of a
 * test run: after many files were removed ext4 looks longer for a place for each new one.
 *
 * PEERS=<folder> takes the floor from steps/cstep.c there instead of the one beside this file.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '../../dist/main.cjs')
const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
const quick = process.argv.includes('quick')

interface Contender {
  name: string
  argv: string[]
  cwd?: string
  /** Undoes what a timed run left, untimed. */
  reset?: () => void
}

interface Timed {
  ms: number
  /** Peak resident memory of the process, in MiB, where /proc tells. */
  peak: number
}

/** Runs once. Throws when it does not end with 0. */
function once({ name, argv, cwd }: Contender): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const began = process.hrtime.bigint()
    const child = spawn(file, args, { cwd: cwd ?? work, stdio: ['ignore', 'ignore', 'pipe'] })
    let peak = 0
    let stderr = ''
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (stderr = (stderr + text).slice(-2000)))
    const watch = setInterval(() => {
      const status = existsSync(`/proc/${child.pid}/status`)
        ? readFileSync(`/proc/${child.pid}/status`, 'utf8')
        : ''
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    }, 50)
    child.on('error', reject)
    child.on('exit', (code) => {
      const ms = Number(process.hrtime.bigint() - began) / 1e6
      clearInterval(watch)
      if (code === 0) resolve({ ms, peak })
      else reject(new Error(`${name} ended with ${code}\n${stderr}`))
    })
  })
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Times contenders in turn; each row: median, ratio to the first (median of the rounds' ratios), peak. */
async function race(
  rounds: number,
  contenders: Contender[],
): Promise<Map<string, { ms: number; ratio: number; peak: number }>> {
  const times = new Map<string, Timed[]>(contenders.map((c) => [c.name, []]))
  for (let round = -1; round < rounds; round += 1) {
    for (const contender of contenders) {
      contender.reset?.()
      const timed = await once(contender)
      if (round >= 0) times.get(contender.name)?.push(timed)
    }
  }
  const first = times.get(contenders[0]?.name ?? '') ?? []
  return new Map(
    [...times].map(([name, all]) => [
      name,
      {
        ms: median(all.map((t) => t.ms)),
        ratio: median(all.map((t, i) => t.ms / (first[i]?.ms ?? Number.NaN))),
        peak: Math.max(...all.map((t) => t.peak)),
      },
    ]),
  )
}

function print(title: string, rows: (string | number)[][]): void {
  const text = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toFixed(2) : cell)),
  )
  const widths = (text[0] ?? []).map((_, i) => Math.max(...text.map((row) => row[i]?.length ?? 0)))
  console.log(`\n${title}`)
  for (const row of text)
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`,
    )
}

/** A root with one runbook of n trivial steps, in phases of 50. */
function rootOf(n: number): string {
  const root = join(work, `steps-${n}`)
  mkdirSync(join(root, 'runbooks'), { recursive: true })
  const lines = [
    'runbook: trivial',
    'title: Trivial steps',
    'version: "1"',
    'environments: { here: {} }',
    'phases:',
  ]
  for (let i = 1; i <= n; i += 1) {
    if (i % 50 === 1) lines.push(`  - id: phase_${i}`, `    title: From ${i}`, '    steps:')
    lines.push(
      `      - {id: s${i}, run: /bin/true, effect: idempotent, verify: {run: /bin/true}, rollback: keep}`,
    )
  }
  writeFileSync(join(root, 'runbooks/trivial.yaml'), `${lines.join('\n')}\n`)
  return root
}

let rounds = 0

function runbookOn(n: number, ...args: string[]): Contender {
  const root = rootOf(n)
  return {
    name: `runbook ${args[0] ?? ''} (${n} steps)`,
    argv: [process.execPath, bin, ...args],
    cwd: root,
    // Moved, not removed: for a while after many files were removed, making one is slow on some disks.
    reset: () => {
      const state = join(root, '.runbook')
      if (existsSync(state)) renameSync(state, join(work, `left-${(rounds += 1)}`))
    },
  }
}

/** The floor, compiled where there is a compiler; else the same in bash, whose lines `sync` makes durable. */
function floor(n: number): Contender {
  const source =
    process.env.PEERS === undefined
      ? join(import.meta.dirname, 'floor.c')
      : join(process.env.PEERS, 'steps/cstep.c')
  const program = join(work, 'floor')
  const log = join(work, 'floor.log')
  const reset = () => {
    rmSync(log, { force: true })
  }
  try {
    if (!existsSync(program)) execFileSync('cc', ['-O2', '-o', program, source])
    const argv =
      process.env.PEERS === undefined ? [program, String(n), log] : [program, String(n), '3', log]
    return { name: `c-durable (${n} steps)`, argv, reset }
  } catch {
    const script = `for ((i = 1; i <= ${n}; i++)); do for word in started acted verified; do echo "$i $word" >> "$0"; sync -d "$0"; [ $word = verified ] || sh -c /bin/true || exit 1; done; done`
    return { name: `bash-durable (${n} steps)`, argv: ['bash', '-c', script, log], reset }
  }
}

async function startUp(rounds: number): Promise<void> {
  const node: Contender = { name: "node -e ''", argv: [process.execPath, '-e', ''] }
  const version: Contender = {
    name: 'runbook --version',
    argv: [process.execPath, bin, '--version'],
  }
  const found = await race(rounds, [
    node,
    version,
    runbookOn(50, 'lint', 'trivial'),
    runbookOn(50, 'plan', 'trivial', '--env', 'here'),
  ])
  print(`Start-up (${rounds} rounds)`, [
    ['', 'ms', "x node -e ''"],
    ...[...found].map(([name, { ms, ratio }]) => [name, ms, ratio]),
  ])
}

async function steps(rounds: number): Promise<void> {
  const deploy = (n: number) => runbookOn(n, 'deploy', 'trivial', '--env', 'here')
  const [low, high] = quick ? [20, 100] : [100, 1000]
  const contenders = [floor(low), deploy(low), floor(high), deploy(high)]
  const found = await race(rounds, contenders)
  const at = (i: number) =>
    found.get(contenders[i]?.name ?? '') ?? { ms: Number.NaN, peak: Number.NaN, ratio: Number.NaN }
  const [floorLow, ourLow, floorHigh, ourHigh] = [at(0), at(1), at(2), at(3)]
  const start = await race(rounds, [runbookOn(1, 'deploy', 'trivial', '--env', 'here')])
  const started = [...start.values()][0]?.ms ?? 0
  const per = (ms: number, n: number) => (ms - started) / (n - 1)
  print(`A step: run and verify (${rounds} rounds)`, [
    ['', 'ms', 'ms a step', 'x floor', 'peak MiB'],
    [contenders[0]?.name ?? '', floorLow.ms, floorLow.ms / low, 1, '-'],
    [
      contenders[1]?.name ?? '',
      ourLow.ms,
      per(ourLow.ms, low),
      per(ourLow.ms, low) / (floorLow.ms / low),
      ourLow.peak,
    ],
    [contenders[2]?.name ?? '', floorHigh.ms, floorHigh.ms / high, 1, '-'],
    [
      contenders[3]?.name ?? '',
      ourHigh.ms,
      per(ourHigh.ms, high),
      per(ourHigh.ms, high) / (floorHigh.ms / high),
      ourHigh.peak,
    ],
  ])
  print('Growth', [
    [`ms a step at ${high} / at ${low}`, per(ourHigh.ms, high) / per(ourLow.ms, low)],
    ['start-up of a deploy, ms', started],
  ])
}

async function many(): Promise<void> {
  const contender = runbookOn(10_000, 'deploy', 'trivial', '--env', 'here')
  contender.reset?.()
  const { ms, peak } = await once(contender)
  print('10,000 steps, once', [
    ['', 's', 'ms a step', 'peak MiB'],
    ['runbook', ms / 1000, ms / 10_000, peak],
  ])
}

try {
  await startUp(quick ? 5 : 15)
  await steps(quick ? 2 : 5)
  if (!quick) await many()
} finally {
  rmSync(work, { recursive: true, force: true })
}
