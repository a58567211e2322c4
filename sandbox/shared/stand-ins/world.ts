// Where the sandbox is, what runs on it, and what the tools' servers would remember.
import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  type Address,
  type Order,
  type Status,
  type UnitStatus,
  askHost,
  readAddress,
} from '../host/control-client.ts'
import { fail } from './tool.ts'

/** The sandbox's folder: the one that holds the folder of releases. */
export function place(): string {
  const releases = process.env['RELEASES']
  if (releases === undefined || releases === '')
    fail(1, 'RELEASES is not set: there is no sandbox to act on')
  return dirname(resolve(releases))
}

export function host(): Address {
  const address = readAddress(place())
  if (address === undefined) fail(1, 'the sandbox is not running')
  return address
}

/** Has something done by the host. A refusal ends the stand-in with the host's reason. */
export async function ask(order: Order): Promise<Status> {
  return askHost(host(), order).catch((error: unknown) => fail(1, (error as Error).message))
}

/** The units of the machine that SANDBOX_HOST names, else the host of a runbook's step, or of all. */
export async function units(): Promise<UnitStatus[]> {
  const { units: all } = await ask({ act: 'status' })
  const on = process.env['SANDBOX_HOST'] ?? process.env['RUNBOOK_HOST'] ?? ''
  return on === '' ? all : all.filter((unit) => unit.host === on)
}

/** STANDIN_DROP=1: the restart that is asked for loses one request. */
export const drop = (): boolean => process.env['STANDIN_DROP'] === '1'

/** Starts a unit anew, from another release where one is named; false when it is not up after that. */
export async function restart(unit: UnitStatus, release: string = unit.release): Promise<boolean> {
  const after = await ask({ act: 'restart', unit: unit.id, release, drop: drop() })
  return after.units.find(({ id }) => id === unit.id)?.state === 'active'
}

/** A release folder's own version; undefined where the folder is none. */
export function releaseOf(folder: string): string | undefined {
  const at = join(folder, 'release.json')
  if (!existsSync(at) || !lstatSync(at).isFile()) return undefined
  return (JSON.parse(readFileSync(at, 'utf8')) as { version?: string }).version
}

export interface Container {
  /** Its own from when it is made, under whatever name. */
  id: string
  /** The id of the unit that it is, while it runs. */
  unit: string
  image: string
  /** `host:container` pairs; a host's port can be published once. */
  ports: string[]
}

export interface Deployment {
  /** Images asked for, the oldest first; the last one is asked for now. */
  revisions: string[]
  /** The release that served when the last one was asked for. */
  before: string
  /** Of variables that come from a secret: which. */
  from?: Record<string, string>
}

export interface Memory {
  /** Image name to release, of images that were built or pulled here. */
  images: Record<string, string>
  /** The same, of images in the registry. */
  pushed: Record<string, string>
  containers: Record<string, Container>
  /** Which container a unit is, by unit. */
  active: Record<string, string | null>
  /** By unit. */
  deployments: Record<string, Deployment>
  /** Other objects of the cluster, by kind/name. A secret's values are why the file is 0600. */
  objects: Record<string, Record<string, unknown>>
  /** Deployment address to release, by vercel. */
  vercel: Record<string, string>
  /** Releases of an app as Heroku counts them. */
  heroku: Record<string, { what: string; release: string; config: Record<string, string> }[]>
}

const file = (): string => join(place(), 'stand-ins.json')

export function remember(): Memory {
  const nothing: Memory = {
    images: {},
    pushed: {},
    containers: {},
    active: {},
    deployments: {},
    objects: {},
    vercel: {},
    heroku: {},
  }
  return existsSync(file())
    ? { ...nothing, ...(JSON.parse(readFileSync(file(), 'utf8')) as Partial<Memory>) }
    : nothing
}

export function keep(memory: Memory): void {
  writeFileSync(`${file()}.new`, JSON.stringify(memory, null, 2) + '\n', { mode: 0o600 })
  renameSync(`${file()}.new`, file())
}

/** The repository of an image's name: what is before its tag. */
export const repositoryOf = (image: string): string => image.replace(/:[^:/]+$/, '')

/** An image without a tag is the one that is tagged latest. */
export const withTag = (image: string): string =>
  repositoryOf(image) === image ? `${image}:latest` : image

/** The unit that an image is for. */
export const unitOfImage = (all: readonly UnitStatus[], image: string): UnitStatus | undefined =>
  all.find((unit) => unit.image === repositoryOf(image)) ?? (all.length === 1 ? all[0] : undefined)

/** The image name of what a unit serves: the one that is remembered, if it is that release. */
export function imageOf(
  unit: UnitStatus,
  remembered: string | undefined,
  images: Readonly<Record<string, string>>,
): string {
  if (remembered !== undefined && images[remembered] === unit.release) return remembered
  return `${unit.image}:${unit.release}`
}
