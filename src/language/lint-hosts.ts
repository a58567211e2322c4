/** Rules for hosts: those of an environment, and those that a step asks for. */
import { didYouMean } from '../core/problems.ts'
import { hasTemplate } from '../core/templates.ts'
import { blameInside, lintTemplates, secretIn, type Lint, type View } from './lint-texts.ts'
import { blame, blameKey } from './reading.ts'
import type { EnvironmentFile, StepFile } from './schema.ts'
import type { Way } from './tree.ts'

/** Words that mean something in an expression, so that no key can be called so. */
const WORDS = new Set(['in', 'true', 'false', 'null', 'name'])

/** The groups of an environment; `view` is what a host's texts may name. */
export function lintHosts(lint: Lint, way: Way, file: EnvironmentFile, view: View): void {
  const { reading } = lint
  for (const [group, hosts] of Object.entries(file.hosts ?? {})) {
    const here: Way = [...way, 'hosts', group]
    if (Object.keys(hosts).length === 0) {
      const hint = 'write at least one: { b1: { url: http://backend-1:8000 } }'
      blame(reading, here, { message: `there is no host in the group "${group}"`, hint })
    }
    for (const [name, facts] of Object.entries(hosts)) {
      for (const [key, value] of Object.entries(facts)) {
        const at: Way = [...here, name, key]
        lintKey(lint, at, key)
        if (typeof value !== 'string') continue
        if (key === 'ssh') lintDestination(lint, at, value)
        lintFact(lint, at, value, view)
      }
    }
  }
}

function lintKey({ reading }: Lint, way: Way, key: string): void {
  if (WORDS.has(key)) {
    const message = `"${key}" means something else in expressions`
    blameKey(reading, way, { message, hint: 'choose another key' })
  } else if (!/^[a-z][a-z0-9_]*$/.test(key)) {
    const message = `"${key}" cannot be a key of a host: lower case letters, digits and "_"`
    blameKey(reading, way, { message, hint: 'expressions say host.key' })
  }
}

/** What ssh would take for an option, or for more than one word, is no destination. */
function lintDestination({ reading }: Lint, way: Way, value: string): void {
  if (/^[^\s-]/.test(value) && (hasTemplate(value) || !/\s/.test(value))) return
  const message = `"${value}" is no destination for ssh`
  const hint =
    'write deploy@backend-1, or a Host of your ssh_config; a host without ssh is this machine'
  blame(reading, way, { message, hint })
}

/** A host's facts are in every process of its steps, and on every screen. */
function lintFact(lint: Lint, way: Way, value: string, view: View): void {
  if (!hasTemplate(value)) return
  lintTemplates(lint, way, value, view)
  const found = secretIn(lint, value)
  if (found === undefined) return
  blameInside(lint, way, found.offset, {
    message: `what is written of a host is shown to everybody: the secret ${found.secret} cannot stand in it`,
    hint: 'let the step that needs it name it in secrets:',
  })
}

/** The group of a step must be in every environment, and `batch` means nothing without it. */
export function lintStepHosts({ reading, runbook }: Lint, way: Way, file: StepFile): void {
  const { hosts: group, batch } = file
  if (group === undefined) {
    if (batch === undefined) return
    const message = '"batch" belongs to "hosts", which is not here'
    blameKey(reading, [...way, 'batch'], { message })
    return
  }
  const environments = Object.values(runbook.environments)
  const groups = environments.flatMap(({ hosts = {} }) => Object.keys(hosts))
  if (!groups.includes(group)) {
    const hint = didYouMean(group, groups) ?? 'declare it in each environment: hosts: { group: … }'
    blame(reading, [...way, 'hosts'], { message: `there is no group of hosts "${group}"`, hint })
    return
  }
  const without = environments.find(({ hosts = {} }) => !Object.hasOwn(hosts, group))
  if (without === undefined) return
  blame(reading, [...way, 'hosts'], {
    message: `the environment ${without.name} has no hosts "${group}"`,
    hint: `write them there; a host without ssh is this machine: hosts: { ${group}: { local: {} } }`,
  })
}
