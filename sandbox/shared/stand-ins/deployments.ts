// The cluster's deployments: each is a unit of the sandbox, and an image is rolled
// out once it is in the registry; one that was never pushed is never pulled.
import { setTimeout as sleep } from 'node:timers/promises'
import type { UnitStatus } from '../host/control-client.ts'
import { fail } from './tool.ts'
import { type Memory, ask, drop, imageOf, keep, units } from './world.ts'

/** Brings what the cluster remembers up to what serves; an image that cannot be pulled stays asked for. */
export async function reconcile(memory: Memory): Promise<UnitStatus[]> {
  const all = await units()
  for (const unit of all) {
    const known = memory.deployments[unit.id] ?? { revisions: [], before: unit.release }
    const asked = known.revisions.at(-1)
    const wanted = asked === undefined ? undefined : memory.pushed[asked]
    // The release was switched by other means when it is neither what is asked for nor what was before.
    if (asked === undefined || (wanted !== unit.release && known.before !== unit.release)) {
      const image = imageOf(unit, asked, memory.pushed)
      memory.pushed[image] = unit.release
      known.revisions.push(image)
      known.before = unit.release
    }
    memory.deployments[unit.id] = known
  }
  return all
}

/** `deployment/x` or `deploy/x`, or `deployment x` as two words; what follows comes back too. */
export function takeDeployment(
  all: readonly UnitStatus[],
  words: readonly string[],
): { unit: UnitStatus; rest: string[] } {
  const [first = '', ...others] = words
  const [kind = '', joined] = first.split('/')
  if (
    !['deployment', 'deployments', 'deploy', 'deployment.apps', 'deployments.apps'].includes(kind)
  )
    fail(1, `error: the server doesn't have a resource type "${kind}" here, only deployments`)
  const [name = '', ...rest] = joined === undefined ? others : [joined, ...others]
  const unit = all.find(({ id }) => id === name)
  return unit === undefined
    ? fail(1, `Error from server (NotFound): deployments.apps "${name}" not found`)
    : { unit, rest }
}

/** Asks for an image. Where it is in the registry, a rolling update to it begins. */
export async function setImage(memory: Memory, unit: UnitStatus, image: string): Promise<void> {
  const deployment = memory.deployments[unit.id] ?? { revisions: [], before: '' }
  if (deployment.revisions.at(-1) !== image) deployment.revisions.push(image)
  deployment.before = unit.release
  memory.deployments[unit.id] = deployment
  keep(memory)
  const release = memory.pushed[image]
  // Not in the registry: the old pods go on serving, and `rollout status` will say so.
  if (release === undefined) return
  if (release === unit.release && unit.rollout === 'done' && unit.state === 'active') return
  await ask({ act: 'roll', unit: unit.id, release, drop: drop() })
}

/** Replaces the pods, by the same release. */
export async function rollAgain(unit: UnitStatus): Promise<void> {
  await ask({ act: 'roll', unit: unit.id, drop: drop() })
}

/** Waits for the end of the rollout; false when the time is up, at once where it has failed. */
export async function rolledOut(memory: Memory, id: string, until: number): Promise<boolean> {
  const asked = memory.deployments[id]?.revisions.at(-1) ?? ''
  for (;;) {
    const unit = (await units()).find((one) => one.id === id)
    const there = unit?.rollout === 'done' && unit.state === 'active'
    if (there && memory.pushed[asked] === unit.release) return true
    if (Date.now() > until) return false
    await sleep(100)
  }
}

/** A pod's name, stable as long as its process lives. */
export const podName = (unit: UnitStatus, pid: number): string => `${unit.name}-${pid}`
