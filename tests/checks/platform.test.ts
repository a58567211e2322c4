import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { askAll, rowsOf, type Case, type Cases, type Told } from './library.ts'

const state = (STATE: string, given: Record<string, unknown>): Case => [given, { env: { STATE } }]
/** What is installed here, if anything, where the stand-ins are not; and no cluster that it could know. */
const real = { env: { PATH: process.env.PATH ?? '', KUBECONFIG: '/dev/null', STATE: 'none' } }

const api = { name: 'api', namespace: 'hotel' }
const scaled = { ...api, min: 2, max: 10 }
const file = 'compose.yml'

const cases: Cases = {
  'kubernetes-rollout': {
    holds: [
      state('done', api),
      state('done', { ...api, at_least: 2, image: 'hotel-api:1.4.0', context: 'here' }),
    ],
    does_not_hold: [
      state('rolling', api),
      state('surplus', api),
      state('unseen', api),
      state('sick', api),
      state('done', { ...api, at_least: 3 }),
      state('done', { ...api, image: 'hotel-api:1.3.0' }),
      state('done', { name: 'api' }),
    ],
    cannot_tell: [
      state('broken', api),
      state('done', { ...api, context: 'there' }),
      [{ ...api, context: 'there' }, real],
    ],
  },
  'kubernetes-autoscaler': {
    holds: [state('done', scaled), state('done', { ...scaled, cpu_percent: 70 })],
    does_not_hold: [
      state('blind', scaled),
      state('done', { ...scaled, max: 9 }),
      state('done', { ...scaled, cpu_percent: 80 }),
      state('done', { ...scaled, name: 'web' }),
    ],
    cannot_tell: [state('broken', scaled), [{ ...scaled, context: 'there' }, real]],
  },
  'compose-services': {
    holds: [
      state('done', {}),
      state('list', { file, project: 'shop' }),
      state('stopped', { services: 'api=hotel-api:1.4.0' }),
    ],
    does_not_hold: [
      state('sick', {}),
      state('starting', {}),
      state('stopped', {}),
      state('half', {}),
      state('done', { services: 'api=hotel-api:1.3.0' }),
      state('done', { services: 'api web' }),
      state('empty', {}),
    ],
    cannot_tell: [
      state('broken', {}),
      state('none', {}),
      state('done', { file: 'none.yml' }),
      [{ file: 'none.yml' }, real],
    ],
  },
  'systemd-active': {
    holds: [state('done', { units: 'web.service api' })],
    does_not_hold: [
      state('done', { units: 'web worker' }),
      state('done', { units: 'web none' }),
      state('done', { units: 'slow' }),
      state('done', { units: '' }),
    ],
    cannot_tell: [state('broken', { units: 'web' })],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  told = await askAll(cases, {
    path: [join(import.meta.dirname, 'stand-ins')],
    files: { [file]: 'services: {}\n' },
  })
}, 240_000)

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
