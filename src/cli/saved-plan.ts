/** A plan in a file: what was looked at and agreed upon, so that nothing else is deployed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { EXIT, failure } from '../core/errors.ts'
import { canonicalJson, planSha256, type Plan } from '../core/plan.ts'

interface Saved {
  runbook_plan: 1
  sha256: string
  plan: Plan
}

/** Writes a plan (0600: it holds the inputs' values). */
export function savePlan(file: string, plan: Plan): void {
  const saved: Saved = { runbook_plan: 1, sha256: planSha256(plan), plan }
  writeFileSync(file, `${JSON.stringify(saved, null, 1)}\n`, { mode: 0o600 })
}

/** Throws exit 10, naming what differs, unless the saved plan is exactly the one of now. */
export function demandSamePlan(file: string, now: Plan): void {
  let saved: Saved
  try {
    saved = JSON.parse(readFileSync(file, 'utf8')) as Saved
  } catch (cause) {
    throw failure(EXIT.usage, `${file} cannot be read as a plan`, {
      hint: 'make one: runbook plan <name> --env <env> --out <file>',
      cause,
    })
  }
  if (saved.runbook_plan !== 1 || planSha256(saved.plan) !== saved.sha256) {
    throw failure(EXIT.stale, `${file} is not a plan as this version writes it, or it was edited`, {
      hint: 'make it anew: runbook plan <name> --env <env> --out <file>',
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
    { hint: 'look at the new plan, and save it again: runbook plan … --out ' + file },
  )
}
