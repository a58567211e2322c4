// Looks at files: how old, how large, how many, how far back they go.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { gzipSync } from 'node:zlib'

/**
 * @typedef {{ files: string }} Age
 * @typedef {{ files: string, covers_days: number }} Schedule
 * @typedef {{ file: string }} Size
 * @typedef {{ files: string, names: string, gzip: boolean }} Bundle
 */

const HOUR = 3_600_000

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== '')
/** @param {number} n */
const rounded = (n) => Math.round(n * 10) / 10

/** The files of the patterns, the newest first. A folder that is not there is no empty folder. @param {string} patterns */
async function matching(patterns) {
  for (const pattern of words(patterns)) {
    // The part before the first wildcard.
    const fixed = /^[^*?{[]*(?=[*?{[])/.exec(pattern)?.[0] ?? pattern
    const folder = fixed.endsWith('/') ? fixed : dirname(fixed)
    if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`)
  }
  // zx is read only where there is a pattern: it takes longer than the whole check.
  const paths = /[*?{[(!\\]/.test(patterns)
    ? await (await import('zx')).glob(words(patterns), { dot: true })
    : words(patterns).filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
  return paths.map((path) => ({ path, ...bytesAndTime(path) })).sort((a, b) => b.time - a.time)
}

/** @param {string} path */
function bytesAndTime(path) {
  const { size, mtimeMs } = statSync(path)
  return { bytes: size, time: mtimeMs }
}

/** @type {{ age: (wanted: Age) => Promise<object>, schedule: (wanted: Schedule) => Promise<object>, size: (wanted: Size) => Promise<object>, bundle: (wanted: Bundle) => Promise<object> }} */
const QUESTIONS = {
  async age({ files }) {
    const found = await matching(files)
    const [newest] = found
    if (newest === undefined) return { files: 0, newest: '', age_hours: 0, bytes_there: 0 }
    const age = rounded((Date.now() - newest.time) / HOUR)
    return { files: found.length, newest: newest.path, age_hours: age, bytes_there: newest.bytes }
  },

  async schedule({ files, covers_days }) {
    const found = (await matching(files)).filter(({ bytes }) => bytes > 0)
    const ages = found.map(({ time }) => (Date.now() - time) / HOUR)
    const from = covers_days * 24
    // From now back to the beginning of the time that is asked for, or a little before.
    const within = ages.filter((age) => age <= from)
    const before = ages.find((age) => age > from)
    const marks = [0, ...within, before ?? from]
    const gaps = marks.slice(1).map((age, i) => age - (marks[i] ?? 0))
    return {
      files: found.length,
      widest_gap_hours: rounded(Math.max(...gaps)),
      oldest_days: rounded((ages.at(-1) ?? 0) / 24),
    }
  },

  async size({ file }) {
    if (!existsSync(dirname(file))) throw new Error(`there is no folder ${dirname(file)}`)
    if (!existsSync(file)) return { there: false, bytes_there: 0 }
    if (!statSync(file).isFile()) throw new Error('it is no file')
    return { there: true, bytes_there: statSync(file).size }
  },

  async bundle({ files, names, gzip }) {
    const found = await matching(files)
    if (found.length === 0) throw new Error('there are no such files: was it built?')
    const sizes = found.map(({ path, bytes }) => ({
      path,
      kb: (gzip ? gzipSync(readFileSync(path)).length : bytes) / 1000,
    }))
    const largest = sizes.reduce((most, one) => (one.kb > most.kb ? one : most))
    return {
      files: found.length,
      total_kb: rounded(sizes.reduce((sum, { kb }) => sum + kb, 0)),
      largest: largest.path,
      largest_kb: rounded(largest.kb),
      missing: words(names).filter(
        (name) => !found.some(({ path }) => basename(path).startsWith(name)),
      ),
    }
  },
}

/** @param {{ do: keyof typeof QUESTIONS } & Age & Schedule & Size & Bundle} args */
export default async (args) => {
  try {
    return await QUESTIONS[args.do](args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
