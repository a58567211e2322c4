// The sandbox's host: what a machine with systemd, a load balancer, a container
// runtime and a cluster would be to a system. It runs the releases that links
// point to and answers on PORT whether or not they are up.
//
// In its folder:
//   releases/<version>/, releases/current   what a deployment adds and switches
//   logs/<unit>.log, logs/<unit>.out.log    a unit's own lines; what it printed
//   settings.json                           0600: what was set by hand, when anything is
//   control.json                            0600: where and with which word to have something done
//   stand-ins.json                          what the stand-ins for tools remember
import { basename } from 'node:path'
import { openBalancer } from './balancer.ts'
import { openControl } from './control.ts'
import { type Order, type Status, type UnitStatus, endOldHost } from './control-client.ts'
import { keepSettings, readSettings } from './settings.ts'
import type { Machine } from './spec.ts'
import { type Unit, makeUnit } from './unit.ts'

/** A variable without which a sandbox cannot start. */
export function needed(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

/**
 * The folder and the port of this sandbox, from RUNBOOK_SERVICE_DIR and PORT. A host that a killed command
 * left behind in the folder is ended first; so call this before anything is seeded.
 */
export async function takePlace(): Promise<{ dir: string; port: number }> {
  const dir = needed('RUNBOOK_SERVICE_DIR')
  await endOldHost(dir)
  return { dir, port: Number(needed('PORT')) }
}

function statusOf({ spec, ...unit }: Unit, env: Record<string, string>): UnitStatus {
  return {
    id: unit.id,
    name: spec.name,
    host: spec.host ?? null,
    image: spec.image ?? spec.name,
    container: spec.container ?? spec.name,
    state: unit.state(),
    rollout: unit.rollout(),
    release: unit.release() ?? '',
    replicas: unit.replicas(),
    processes: unit.processes().map(({ pid, folder }) => ({ pid, release: basename(folder) })),
    env,
    logs: [spec.log ?? `${spec.name}.log`, `${spec.name}.out.log`],
  }
}

/** Runs the machine until it is told to end. Comes back when it is up and answers. */
export async function runHost({ dir, port, units: specs, routes }: Machine): Promise<void> {
  const settings = readSettings(dir)
  const units = specs.map((spec) => makeUnit(dir, spec, settings))

  function unitNamed(id: string): Unit {
    const unit = units.find((one) => one.id === id)
    if (unit === undefined) throw new Error(`no unit ${id} on this machine`)
    return unit
  }

  async function carryOut(order: Order): Promise<void> {
    switch (order.act) {
      case 'status':
        return
      case 'quit':
        // The answer has to leave before the process does.
        setTimeout(() => void quit(), 20)
        return
      case 'start':
      case 'stop':
        return unitNamed(order.unit)[order.act]()
      case 'restart':
        if (order.drop === true) balancer.dropNext()
        return unitNamed(order.unit).restart(order.release)
      case 'roll': {
        if (order.drop === true) balancer.dropNext()
        const rolled = unitNamed(order.unit).roll(order.release)
        return order.wait === true ? rolled : undefined
      }
      case 'scale': {
        const unit = unitNamed(order.unit)
        const { [unit.spec.name]: _, ...others } = settings.replicas
        settings.replicas =
          order.replicas === (unit.spec.replicas ?? 1)
            ? others
            : { ...others, [unit.spec.name]: order.replicas }
        keepSettings(dir, settings)
        return unit.scale()
      }
      case 'env': {
        const { name } = unitNamed(order.unit).spec
        const { [name]: was = {}, ...others } = settings.env
        const now = Object.entries({ ...was, ...order.set }).filter(
          (one): one is [string, string] => one[1] !== null,
        )
        settings.env = now.length === 0 ? others : { ...others, [name]: Object.fromEntries(now) }
        keepSettings(dir, settings)
        return
      }
      case 'maintenance':
        settings.maintenance = order.on
        keepSettings(dir, settings)
        return
    }
  }

  async function quit(): Promise<void> {
    await Promise.all(units.map((unit) => unit.stop()))
    control.close()
    balancer.close()
    process.exit(0)
  }

  // The releases first, so that "ready" is said of a machine that has booted.
  await Promise.all(units.map((unit) => unit.start()))
  const everywhere = { prefix: '/', units: units.map(({ id }) => id) }
  const balancer = await openBalancer(port, units, routes ?? [everywhere], settings)
  const status = (): Status => ({
    maintenance: settings.maintenance,
    units: units.map((unit) => statusOf(unit, settings.env[unit.spec.name] ?? {})),
  })
  const control = await openControl(dir, port, carryOut, status)
  process.on('SIGTERM', () => void quit())
  process.on('SIGINT', () => void quit())
}
