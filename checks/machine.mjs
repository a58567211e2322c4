// How busy this machine is: Linux's own figures.
import { readFileSync, statfsSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

/** @typedef {{ over_s: number, path: string }} Asked */

/** @param {number} part @param {number} whole */
const percent = (part, whole) => Math.round((part * 1000) / whole) / 10

/** Milliseconds that all processors were at work and not. */
function times() {
  const each = cpus().map(({ times: { idle, ...busy } }) => ({
    idle,
    busy: Object.values(busy).reduce((sum, n) => sum + n, 0),
  }))
  return each.reduce((a, b) => ({ idle: a.idle + b.idle, busy: a.busy + b.busy }))
}

/** @type {Record<string, (asked: Asked) => Promise<Record<string, unknown>>>} */
const QUESTIONS = {
  async cpu({ over_s }) {
    const before = times()
    await wait(over_s * 1000)
    const after = times()
    const busy = after.busy - before.busy
    const all = busy + after.idle - before.idle
    if (all <= 0) throw new Error('the processors have counted no time')
    return { used_percent: percent(busy, all) }
  },

  async memory({ path }) {
    const text = readFileSync(path, 'utf8')
    /** @param {string} name */
    const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1])
    const total = kb('MemTotal')
    const free = kb('MemAvailable')
    if (!(total > 0) || Number.isNaN(free)) throw new Error(`no figures of memory in ${path}`)
    return { used_percent: percent(total - free, total), free_mb: Math.floor(free / 1024) }
  },

  async disk({ path }) {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path)
    const used = blocks - bfree
    if (used + bavail === 0) throw new Error(`no disk holds ${path}`)
    return {
      // As df has it: what is kept for root is neither used nor free.
      used_percent: percent(used, used + bavail),
      free_mb: Math.floor((bavail * bsize) / 2 ** 20),
      // Some file systems have no table of inodes that could be full.
      inodes_percent: files > 0 ? percent(files - ffree, files) : 0,
    }
  },
}

/** @param {{ do: string } & Asked} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do]?.(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
