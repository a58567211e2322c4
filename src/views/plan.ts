/** `runbook plan`: what would happen, how it is undone, and where there is no way back. */
import { formatDuration } from '../core/durations.ts'
import { EXIT } from '../core/errors.ts'
import type { Proof } from '../core/builds-on.ts'
import { NOT_ASKED, type PlannedStep, type PlanReport, type Would } from '../core/plan-report.ts'
import type { Phase } from '../core/runbook.ts'
import { cleanLine } from '../lib/clean.ts'
import { cut, pad, spread, wrap, type Colours, type Look } from '../lib/terminal.ts'
import { inTheirTime, sumOfKnown } from './times.ts'

const WIDEST = 110
const LABEL = 8

const SIGNS: Record<Would, { sign: string; ascii: string; style: Exclude<keyof Colours, 'on'> }> = {
  run: { sign: '▸', ascii: '>', style: 'cyan' },
  satisfied: { sign: '=', ascii: '=', style: 'green' },
  skipped: { sign: '-', ascii: '-', style: 'dim' },
  unknown: { sign: '?', ascii: '?', style: 'yellow' },
}

const WORDS: Record<Would, string> = {
  run: 'would run',
  satisfied: 'already satisfied',
  skipped: 'skipped',
  unknown: 'unknown until then',
}

/** The plan as a page; `proof`: whether the environment that it comes after has proven it. */
export function planText(report: PlanReport, look: Look, proof?: Proof): string {
  const { plan, steps } = report
  const { bold, dim } = look.colours
  const columns = look.columns === Infinity ? Infinity : Math.min(look.columns, WIDEST)
  const arrow = look.unicode ? '→' : '->'
  const guarded = plan.environment.protected ? ' (protected)' : ''
  const part = plan.selection === undefined ? '' : ', a part only'
  const head = `${plan.runbook} ${plan.version} ${arrow} ${plan.environment.name}${guarded}`
  const lines = [
    cut(`${bold(cleanLine(head, look))}  ${cleanLine(plan.title, look)}`, columns),
    // In full: this is what a signature and `deploy --plan` are about.
    ...wrap(dim(`plan ${report.plan_sha256}${part}`), look.columns),
    '',
  ]
  const sections = [...plan.phases, { id: 'finally', title: 'Finally', concurrent: 1 }]
  for (const section of sections) {
    const own = steps.filter((step) => step.phase === section.id)
    if (own.length === 0) continue
    lines.push(phaseLine(section, phaseEstimate(section, own), columns, look))
    for (const step of own) {
      if (step.id === report.point_of_no_return) lines.push(pointOfNoReturn(columns, look))
      lines.push(...stepLines(step, columns, look))
    }
    lines.push('')
  }
  lines.push(
    ...problemLines(report, look),
    ...proofLines(report, proof, look),
    ...totalLines(report, look),
  )
  return lines.map((line) => `${line}\n`).join('')
}

type Section = Pick<Phase, 'id' | 'title' | 'concurrent'> & Partial<Phase>

function phaseLine(
  phase: Section,
  estimate: number | undefined,
  columns: number,
  look: Look,
): string {
  const together = phase.concurrent > 1 ? `, ${phase.concurrent} at a time` : ''
  const owner = phase.owner === undefined ? '' : ` (${phase.owner})`
  const left = cleanLine(`${phase.title}${owner}${together}`, look)
  return aside(look.colours.bold(left), estimateText(estimate), columns, look)
}

/** The phase's own estimate, else the sum of those of its steps that may run. */
function phaseEstimate(phase: Section, steps: readonly PlannedStep[]): number | undefined {
  if (phase.estimate_s !== undefined) return phase.estimate_s
  return sumOfKnown(
    steps
      .filter((step) => step.would === 'run' || step.would === 'unknown')
      .map((step) => step.estimate_s),
  )
}

/** Where lines have no end, the right part follows the left. */
function aside(left: string, right: string, columns: number, look: Look): string {
  const shown = look.colours.dim(right)
  if (right === '') return cut(left, columns)
  return look.columns === Infinity ? `${left}  ${shown}` : spread(left, shown, columns)
}

function stepLines(step: PlannedStep, columns: number, look: Look): string[] {
  const { dim } = look.colours
  const { sign, ascii, style } = SIGNS[step.would]
  const mark = look.colours[style](look.unicode ? sign : ascii)
  const title = cleanLine(step.title, look)
  const name = step.title === step.id ? step.id : `${step.id}  ${title}`
  const why = step.reason === undefined ? '' : `: ${cleanLine(step.reason, look)}`
  const status =
    step.would === 'run' ? '' : `  ${look.colours[style](`${WORDS[step.would]}${why}`)}`
  const lines = [aside(`  ${mark} ${name}${status}`, estimateText(step.estimate_s), columns, look)]
  if (step.would === 'skipped') return lines
  const add = (label: string, text: string) =>
    lines.push(cut(`      ${dim(pad(label, LABEL))}${cleanLine(text, look)}`, columns))
  if (step.hosts !== undefined) add('hosts', hostsText(step.hosts, step.batch))
  if (step.after !== undefined) add('waits', `${step.after.at_least} after ${step.after.step}`)
  if (step.approval.length > 0) add('signed', `by ${step.approval.join(', ')}, before it starts`)
  if (step.does !== undefined) add('does', step.does)
  for (const check of step.checks) add('verify', check)
  if (step.during !== undefined) add('during', step.during)
  for (const probe of step.watches) add('probe', probe)
  if (step.would === 'satisfied') return lines
  if (step.undo === 'keep') add('undo', 'nothing, on purpose')
  else if (step.undo !== 'none') for (const undo of step.undo) add('undo', undo)
  for (const lost of step.loses) add('loses', lost)
  if (step.irreversible !== undefined)
    lines.push(
      cut(
        `      ${look.colours.red(`irreversible: ${cleanLine(step.irreversible, look)}`)}`,
        columns,
      ),
    )
  for (const { does, loses, covers } of step.last_resort ?? []) {
    add(
      'by name',
      `${does} (last resort${covers.length > 0 ? `, also of ${covers.join(', ')}` : ''})`,
    )
    add('loses', loses)
  }
  return lines
}

/** How many, how many of them at once, and which. */
function hostsText(names: readonly string[], batch = 1): string {
  return `${names.length}, ${batch} at a time: ${names.join(', ')}`
}

function pointOfNoReturn(columns: number, look: Look): string {
  const [bar, text] = [
    look.unicode ? '━' : '=',
    ' the point of no return: no rollback goes back past here ',
  ]
  const rest = Math.max(0, Math.min(columns, 100) - text.length - 3)
  return look.colours.red(cut(bar.repeat(3) + text + bar.repeat(rest), columns))
}

function estimateText(seconds: number | undefined): string {
  return seconds === undefined ? '' : `~${formatDuration(seconds * 1000)}`
}

function problemLines({ problems }: PlanReport, look: Look): string[] {
  if (problems.length === 0) return []
  const lines = problems.flatMap((text) => wrap(`! ${cleanLine(text, look)}`, look.columns))
  return [...lines.map(look.colours.yellow), '']
}

/** What another environment must have proven: held, or why not, or that nobody looked. */
function proofLines({ plan }: PlanReport, proof: Proof | undefined, look: Look): string[] {
  const { after } = plan.environment
  if (after === undefined) return []
  const { green, yellow } = look.colours
  if (proof === undefined) return [yellow(`? after ${after.environment}: not looked at`), '']
  const how = !proof.held && proof.unknown === true ? 'unknown until then' : 'not held'
  const text = proof.held
    ? `${look.unicode ? '✓' : '+'} after ${proof.environment}: ${proof.says}`
    : `! after ${proof.environment}, ${how}: ${proof.says}`
  return [
    ...wrap(cleanLine(inTheirTime(text, look), look), look.columns).map(
      proof.held ? green : yellow,
    ),
    '',
  ]
}

function totalLines(report: PlanReport, look: Look): string[] {
  const steps = report.steps.filter((step) => step.phase !== 'finally')
  const parts = (['run', 'satisfied', 'skipped', 'unknown'] as const).flatMap((would) => {
    const count = steps.filter((step) => step.would === would).length
    return count > 0 ? [`${count} ${WORDS[would]}`] : []
  })
  const estimates = report.plan.phases.map((phase) =>
    phaseEstimate(
      phase,
      steps.filter((step) => step.phase === phase.id),
    ),
  )
  const all = sumOfKnown(estimates)
  const time = all === undefined ? '' : `, about ${formatDuration(all * 1000)}`
  const wall = steps.find((step) => step.id === report.point_of_no_return)
  const resort = (wall?.last_resort ?? []).length > 0
  const way =
    report.point_of_no_return === undefined
      ? 'everything that would run can be rolled back'
      : `from ${report.point_of_no_return} on ${resort ? 'the only way back is its last resort' : 'there is no way back'}`
  const asked = report.steps.some((step) => step.reason === NOT_ASKED) ? ['no check was asked'] : []
  const total = look.colours.bold(`${parts.join(', ') || 'no steps'}${time}`)
  return [total, way, ...asked].flatMap((line) => wrap(line, look.columns))
}

/** The plan as data: the shape is a contract, and that of a run with what a plan knows more. */
export function planJson(report: PlanReport, proof?: Proof): object {
  const { plan, plan_sha256, steps, problems } = report
  return {
    run: null,
    runbook: plan.runbook,
    environment: plan.environment.name,
    status: null,
    exit_code: EXIT.ok,
    plan_sha256,
    partial: plan.selection !== undefined,
    builds_on: proof?.held === true ? proof.run : null,
    signatures: [],
    point_of_no_return: report.point_of_no_return ?? null,
    after: afterJson(report, proof),
    steps: steps.map((step) => ({
      id: step.id,
      phase: step.phase,
      would: step.would,
      status: 'pending',
      attempts: 0,
      duration_ms: null,
      reason: step.reason ?? null,
      until: null,
      roles: [],
      does: step.does ?? null,
      checks: step.checks,
      undo: step.undo,
      loses: step.loses,
      irreversible: step.irreversible ?? null,
      after: step.after ?? null,
      approval: step.approval,
      last_resort: step.last_resort ?? [],
      estimate_s: step.estimate_s ?? null,
      refs: step.refs,
      ...(step.hosts !== undefined && { hosts: step.hosts, batch: step.batch }),
    })),
    problems,
  }
}

/** `held` is null when nobody looked, or nobody can know before it runs. */
function afterJson({ plan }: PlanReport, proof: Proof | undefined): object | null {
  const { after } = plan.environment
  if (after === undefined) return null
  return {
    environment: after.environment,
    held: proof?.held === false && proof.unknown === true ? null : (proof?.held ?? null),
    says: proof?.says ?? null,
    run: proof?.run ?? null,
    until: proof?.held === false ? (proof.until ?? null) : null,
  }
}
