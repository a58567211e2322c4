// What a system tells the host about itself.

export type Variables = Readonly<Record<string, string | undefined>>

/** A supervised process, or several alike. */
export interface UnitSpec {
  /** The name under which every tool knows it: systemd unit, container, compose service, deployment, app. */
  name: string
  /** The machine it runs on, where there are several; `SANDBOX_HOST` makes a stand-in act on that one. */
  host?: string
  /** Its folder of a release is found through this link in `releases/`; `current` when left out. */
  link?: string
  /** What Node runs in that folder; `src/main.js` when left out. */
  main?: string
  /** Its health endpoint: what a rollout waits for. `/health` when left out. */
  health?: string
  /** How many processes, 1 when left out; `kubectl scale` changes it. */
  replicas?: number
  /** The repository of its images; its name when left out. */
  image?: string
  /** The name of its container within a pod; its name when left out. */
  container?: string
  /** What it always has, unless the files say otherwise. */
  defaults?: Variables
  /** NAME=value files under the machine's folder, read at each start; they come over `defaults`. */
  envFiles?: readonly string[]
  /** What nothing can change: the sandbox's own addresses move with every start. */
  fixed?: Variables
  /** The file in `logs/` for its own lines (LOG_FILE); `<name>.log` when left out. */
  log?: string
}

/** Which units answer for which paths; the longest prefix that fits wins. */
export interface PathRoute {
  prefix: string
  units: readonly string[]
}

export interface Machine {
  /** The folder that is the machine; see host.ts for what is in it. */
  dir: string
  /** Where the balancer listens. */
  port: number
  units: readonly UnitSpec[]
  /** Left out, all units answer for all paths, in turn. */
  routes?: readonly PathRoute[]
}

/** The name that tells two units apart: with its host where it has one. */
export const idOf = (unit: Pick<UnitSpec, 'name' | 'host'>): string =>
  unit.host === undefined ? unit.name : `${unit.name}@${unit.host}`
