/** Soaks, from the file's form to the core's: a check whose probes are asked again and again. */
import { parseDuration } from '../core/durations.ts'
import type { Check, Probe, Soak } from '../core/runbook.ts'
import { verbIn } from '../core/verbs.ts'
import { shortTitle } from './attempts.ts'
import { blame, blameKey, defined, each, expressionAt, type Reading } from './reading.ts'
import { checkOf } from './roles.ts'
import type { CheckUse, ProbeFile, SoakFile, StepFile } from './schema.ts'
import { placeText, valueOffset, type Way } from './tree.ts'

/** The checks of a step; here, and only here, a check may be a soak. */
export function verifyOf(reading: Reading, { verify }: StepFile, way: Way): Check[] {
  return each(verify, [...way, 'verify']).flatMap(({ item, way: at }) => {
    const one = item.soak === undefined ? checkOf(reading, item, at) : soakCheck(reading, item, at)
    return one ?? []
  })
}

type Around = Pick<CheckUse, 'title' | 'expect'>

/** A check with `soak`, and the same of a step whose action is one. */
export function soakCheck(reading: Reading, file: CheckUse | StepFile, way: Way): Check {
  for (const key of ['timeout', 'retry', 'env', 'cwd'] as const) {
    if (file[key] === undefined) continue
    const hint =
      key === 'retry'
        ? 'tolerate says how many bad samples in a row are let pass'
        : `write ${key} into the probe that needs it`
    blameKey(reading, [...way, key], {
      message: `"${key}" says nothing beside a soak: its probes are asked again and again for as long as "for" says`,
      hint,
    })
  }
  if ('check' in file && file.check !== undefined)
    blameKey(reading, [...way, 'soak'], {
      message: '"soak" stands beside "check"; a check has one of them',
    })
  const { soak = { every: '', probes: {} } } = file
  const here: Way = [...way, 'soak']
  if (soak.for === undefined)
    blame(reading, here, {
      message: '"for" is missing in "soak"',
      hint: 'write how long to watch: for: 24h',
    })
  // The title of a step is its own.
  const around = 'id' in file ? defined({ expect: file.expect }) : file
  return watching(reading, around, soakOf(reading, soak, here), way)
}

/** What is watched while a step acts and is verified. */
export function duringOf(reading: Reading, file: NonNullable<StepFile['during']>, way: Way): Check {
  if (file.soak.for !== undefined)
    blameKey(reading, [...way, 'soak', 'for'], {
      message: 'what is watched during a step ends with the step, so it has no "for"',
      hint: 'remove it',
    })
  return watching(reading, file, soakOf(reading, file.soak, [...way, 'soak']), way)
}

function watching(reading: Reading, { title, expect }: Around, soak: Soak, way: Way): Check {
  const action = { verb: 'soak' as const, ...soak }
  const { document } = reading
  return {
    action,
    title: title ?? shortTitle(action),
    params: {},
    expect: each(expect, [...way, 'expect']).map(({ item, way: at }) =>
      expressionAt(reading, at, item),
    ),
    // It takes its `for`; the time of each question is the probe's own.
    timeout: '0s',
    env: {},
    at: placeText(document, valueOffset(document, way)),
  }
}

function soakOf(reading: Reading, file: SoakFile, way: Way): Soak {
  const { every, tolerate = 0 } = file
  const names = Object.keys(file.probes)
  if (names.length === 0)
    blame(reading, [...way, 'probes'], {
      message: 'a soak needs at least one probe',
      hint: 'write probes: { web: { http: { get: URL } } }',
    })
  const [length, pause] = [parseDuration(file.for ?? ''), parseDuration(every)]
  if (pause === 0)
    blame(reading, [...way, 'every'], { message: '"every" must be longer than nothing' })
  if (length !== undefined && pause !== undefined && pause > length)
    blame(reading, [...way, 'every'], {
      message: `it is asked every ${every}, which is longer than the ${file.for ?? ''} that it watches`,
    })
  const probes = Object.entries(file.probes).flatMap(([name, probe]) => {
    const made = probeOf(reading, name, probe, [...way, 'probes', name])
    return made === undefined ? [] : [[name, made] as const]
  })
  return {
    every,
    tolerate,
    probes: Object.fromEntries(probes),
    ...defined({ for: file.for }),
  }
}

/** Names that mean something else in the expectation of a soak. */
const TAKEN_PROBES = new Set(
  'samples bad inputs steps environment run host services params now in true false null'.split(' '),
)
const TAKEN_FIGURES = new Set('samples bad duration_ms in true false null'.split(' '))
const READS = new Set(['run', 'sql', 'http', 'script'])

function probeOf(reading: Reading, name: string, file: ProbeFile, way: Way): Probe | undefined {
  const hint = 'choose another name'
  if (TAKEN_PROBES.has(name))
    blameKey(reading, way, { message: `"${name}" means something else in expressions`, hint })
  const figures = Object.entries(file.figures ?? {}).map(([figure, source]) => {
    const at: Way = [...way, 'figures', figure]
    if (TAKEN_FIGURES.has(figure))
      blameKey(reading, at, { message: `"${figure}" means something else in expressions`, hint })
    return [figure, expressionAt(reading, at, source)] as const
  })
  if (file.check === undefined && verbIn(file) === undefined) {
    const verbs = [...READS].join(', ')
    blame(reading, way, {
      message: 'this probe asks nothing',
      hint: `write check: name, or one of: ${verbs}`,
    })
    return undefined
  }
  const check = checkOf(reading, file, way)
  if (check === undefined) return undefined
  const own =
    file.timeout ??
    (file.check === undefined ? undefined : reading.library.read(file.check)?.check?.file.timeout)
  blameChange(reading, file, check, way)
  const probe: Probe = { ...check, figures: Object.fromEntries(figures) }
  // The time that a check has when nobody says is not a probe's.
  if (own === undefined) delete probe.timeout
  return probe
}

function blameChange(reading: Reading, file: ProbeFile, { action }: Check, way: Way): void {
  if (!READS.has(action.verb)) {
    blameKey(reading, [...way, 'check'], {
      message: `the check ${file.check ?? ''} is one of "${action.verb}", and a probe only reads`,
      hint: `a probe is one of: ${[...READS].join(', ')}`,
    })
  } else if (file.http !== undefined && action.verb === 'http' && action.method !== 'get') {
    blameKey(reading, [...way, 'http', action.method], {
      message: `a probe only reads, and "${action.method}" may change something`,
      hint: 'write get: URL',
    })
  }
}
