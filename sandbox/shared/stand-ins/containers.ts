// Containers: a running one is a unit of the sandbox. A stopped one keeps its name
// and gives its ports back; a removed one gives its name back too.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { UnitStatus } from '../host/control-client.ts'
import { readEnvFile } from '../host/process.ts'
import { newId, releaseOfImage } from './images.ts'
import { fail } from './tool.ts'
import { type Container, type Memory, ask, place, restart, unitOfImage, units } from './world.ts'

function daemon(message: string): never {
  return fail(1, `Error response from daemon: ${message}`)
}

export function containerNamed(memory: Memory, name: string): Container {
  return memory.containers[name] ?? daemon(`No such container: ${name}`)
}

export async function isRunning(memory: Memory, name: string): Promise<boolean> {
  const { unit } = containerNamed(memory, name)
  if (memory.active[unit] !== name) return false
  return (await units()).find(({ id }) => id === unit)?.state === 'active'
}

export async function stop(memory: Memory, name: string): Promise<void> {
  const { unit } = containerNamed(memory, name)
  if (memory.active[unit] === name) await ask({ act: 'stop', unit })
}

export async function start(memory: Memory, name: string): Promise<void> {
  const container = containerNamed(memory, name)
  if (await isRunning(memory, name)) return
  await refuseTakenPorts(memory, container.ports)
  const unit = (await units()).find(({ id }) => id === container.unit) ?? daemon('its unit is gone')
  const other = memory.active[unit.id]
  if (other != null && other !== name && unit.state === 'active')
    daemon(`container ${other} is running, and one at a time can be here`)
  memory.active[unit.id] = name
  if (!(await restart(unit, releaseOfImage(memory, container.image))))
    fail(125, `docker: the container ended at once; see logs/${unit.logs.at(-1)}`)
}

export async function remove(memory: Memory, name: string, force: boolean): Promise<void> {
  const { unit } = containerNamed(memory, name)
  if (await isRunning(memory, name)) {
    if (!force) daemon(`cannot remove container "/${name}": container is running: stop it or force`)
    await stop(memory, name)
  }
  if (memory.active[unit] === name) memory.active[unit] = null
  Reflect.deleteProperty(memory.containers, name)
}

export function rename(memory: Memory, from: string, to: string): void {
  const container = containerNamed(memory, from)
  if (memory.containers[to] !== undefined) conflict(to)
  memory.containers[to] = container
  Reflect.deleteProperty(memory.containers, from)
  if (memory.active[container.unit] === from) memory.active[container.unit] = to
}

function conflict(name: string): never {
  return fail(
    125,
    `docker: Error response from daemon: Conflict. The container name "/${name}" is already in use.`,
  )
}

const hostPort = (pair: string): string => pair.split(':').slice(0, -1).at(-1) ?? ''

async function refuseTakenPorts(memory: Memory, ports: readonly string[]): Promise<void> {
  for (const [name, other] of Object.entries(memory.containers)) {
    const taken = ports.map(hostPort).filter((port) => other.ports.map(hostPort).includes(port))
    if (taken.length > 0 && (await isRunning(memory, name)))
      fail(
        125,
        `docker: Error response from daemon: Bind for 0.0.0.0:${taken[0]} failed: port is already allocated`,
      )
  }
}

/** Makes a container and starts it. */
export async function run(
  memory: Memory,
  name: string,
  image: string,
  ports: string[],
): Promise<void> {
  if (memory.containers[name] !== undefined) conflict(name)
  releaseOfImage(memory, image)
  const all = await units()
  const unit = all.find(({ id }) => id === name) ?? unitOfImage(all, image)
  if (unit === undefined)
    fail(125, `docker: here no unit of the sandbox is ${name}, or has image ${image}`)
  memory.containers[name] = { id: newId(), unit: unit.id, image, ports }
  // As there: a container that cannot start stays, made and not running.
  await start(memory, name)
}

/** What a running container has in its environment: that of its process. */
export function environmentOf({ processes: [first] }: UnitStatus): Record<string, string> {
  const file = `/proc/${first?.pid}/environ`
  if (first === undefined || !existsSync(file)) return {}
  const pairs = readFileSync(file, 'utf8').split('\0').filter(Boolean)
  return Object.fromEntries(
    pairs.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
  )
}

/**
 * Runs a command where a container's files are, with these variables, and ends with its exit code.
 * @param own the container's environment, which the variables come over
 */
export function execute(
  release: string,
  command: readonly string[],
  variables: readonly string[],
  files: readonly string[],
  own: Readonly<Record<string, string>> = {},
): void {
  const [program = '', ...args] = command
  const given = Object.fromEntries(
    variables.map((one) => {
      const at = one.indexOf('=')
      // A bare name passes the caller's own value on, which keeps it out of the command line.
      return at === -1 ? [one, process.env[one]] : [one.slice(0, at), one.slice(at + 1)]
    }),
  ) as Record<string, string | undefined>
  const { status, error } = spawnSync(program, args, {
    cwd: join(place(), 'releases', release),
    env: { ...process.env, ...own, ...Object.assign({}, ...files.map(readEnvFile)), ...given },
    stdio: 'inherit',
  })
  if (error !== undefined) fail(127, `exec: "${program}": executable file not found`)
  process.exitCode = status ?? 1
}
