/** A plan in a file: what was looked at and agreed upon, so that nothing else is deployed. */
import { readFileSync } from 'node:fs'
import { EXIT, failure } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'
import { canonicalJson, planSha256, type Plan } from '../core/plan.ts'
import { writeOut } from './write-out.ts'

interface Saved {
  runbook_plan: 1
  sha256: string
  plan: Plan
}

/** How the plan of now was asked for. */
interface Asked {
  /** The runbook's name, or the path of its file. */
  name: string
  vars: Record<string, string>
}

/** Writes a plan; for its owner only, since it holds the inputs' values. */
export function savePlan(file: string, plan: Plan): void {
  const saved: Saved = { runbook_plan: 1, sha256: planSha256(plan), plan }
  writeOut(file, `${JSON.stringify(saved, null, 1)}\n`, { secret: true })
}

/** Throws exit 10, naming what differs, unless the saved plan is exactly the one of now. */
export function demandSamePlan(file: string, now: Plan, asked: Asked): void {
  const again = command('plan', now, asked, ['--out', file])
  let saved: Saved
  try {
    saved = JSON.parse(readFileSync(file, 'utf8')) as Saved
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const message = isMissing ? `there is no file ${file}` : `${file} cannot be read as a plan`
    throw failure(EXIT.usage, message, { hint: `make it: ${again}`, cause })
  }
  if (saved.runbook_plan !== 1 || planSha256(saved.plan) !== saved.sha256) {
    throw failure(EXIT.stale, `${file} is not a plan as this version writes it, or it was edited`, {
      hint: `make it anew: ${again}`,
    })
  }
  if (saved.sha256 === planSha256(now)) return
  const differs = Object.keys({ ...saved.plan, ...now }).filter(
    (key) =>
      canonicalJson(saved.plan[key as keyof Plan] ?? null) !==
      canonicalJson(now[key as keyof Plan] ?? null),
  )
  throw failure(
    EXIT.stale,
    `${file} is stale: ${differs.join(', ')} changed since it was made; nothing was touched`,
    { hint: `look at the new plan, and save it again: ${again}` },
  )
}

/** The command that deploys the plan as it was saved. */
export function deployCommand(file: string, plan: Plan, asked: Asked): string {
  return command('deploy', plan, asked, ['--plan', file])
}

/** The command on this plan, asked for as before. A secret is not shown: `…` stands for its value. */
function command(verb: string, plan: Plan, { name, vars }: Asked, more: string[]): string {
  const { only, skip, from, to } = plan.selection ?? {}
  const words = ['runbook', verb, name, '--env', plan.environment.name]
  for (const [input, value] of Object.entries(vars)) {
    const isShown = plan.inputs[input]?.kind === 'value'
    words.push('--var', `${input}=${isShown ? value : '…'}`)
  }
  for (const [flag, value] of Object.entries({ only: only?.join(), skip: skip?.join(), from, to }))
    if (value !== undefined) words.push(`--${flag}`, value)
  return [...words, ...more].map(shellWord).join(' ')
}
