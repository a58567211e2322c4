import { expect, test } from 'vitest'
import { endingText } from '../../src/views/ending.ts'
import { palette, PLAIN, width } from '../../src/lib/terminal.ts'
import { golden, journal } from './fixture.ts'
import { smallPlan, stories } from './stories.ts'

function ending(name: string, columns = Infinity): string {
  const run = journal()
  stories[name]?.(run)
  const places = new Map([['services.app', 'http://127.0.0.1:4310']])
  return endingText(smallPlan(), run.state, { ...PLAIN, columns }, places)
}

test.each(Object.keys(stories))('%s', (name) => {
  golden(`ending ${name}`, ending(name))
})

test('on a narrow terminal only commands are longer than its lines', () => {
  for (const name of Object.keys(stories))
    for (const line of ending(name, 60).split('\n'))
      if (!line.includes('runbook ')) expect(width(line), line).toBeLessThanOrEqual(60)
})

test('credentials in a URL are left out', () => {
  expect(ending('succeeded')).toContain('https://hotel.example.com/')
  expect(ending('succeeded')).not.toContain('pass')
})

test('what a service of a sandbox serves is said to end with the command, and how to have it up', () => {
  const run = journal()
  stories['succeeded']?.(run)
  const plan = smallPlan()
  const said = (value: string) => {
    const inputs = { app_url: { kind: 'literal' as const, value } }
    const environment = { ...plan.environment, inputs }
    return endingText({ ...plan, environment }, run.state, PLAIN)
  }
  expect(said('${{ services.app.url }}/')).toContain('runbook verify qr-login --env ')
  expect(said('https://hotel.example.com/')).not.toContain('up only while')
})

test('nothing foreign reaches the terminal as an escape', () => {
  const run = journal()
  stories['failed']?.(run)
  const plan = {
    ...smallPlan(),
    version: '1\x1b[2J',
    contacts: [{ role: '\x1b]0;x\x07', reach: '\r' }],
  }
  const text = endingText(plan, run.state, { ...PLAIN, colours: palette(true), columns: 80 })
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}(?!\[[\d;]*m)/u)
})
