import { DOMParser, type Document } from '@xmldom/xmldom'
import { marked, type Token, type Tokens } from 'marked'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../src/core/plan.ts'
import { junitXml } from '../../src/views/junit.ts'
import { block, code, text } from '../../src/views/markdown.ts'
import { reportOf } from '../../src/views/report-data.ts'
import { reportMarkdown } from '../../src/views/report-markdown.ts'
import { by, golden, journal, plan, step, type Journal } from './fixture.ts'
import { failure, smallPlan, stories } from './stories.ts'

const report = (of: Plan, { state, events }: Journal) => reportOf(of, state, events)

/** A run in which nearly everything happened that a report tells of. */
function eventful(): { plan: Plan; run: Journal } {
  const resort = {
    verb: 'restore' as const,
    file: 'backups/app.dump',
    database: '${{ inputs.database_url }}',
  }
  const base = step('x').verify[0]
  if (base === undefined) throw new Error('the sample step has no check')
  const told = step('tell', { effect: 'none', verify: [], rollback: { kind: 'none' } })
  const phases = {
    before: [
      step('notice', {
        act: { ...base, action: { verb: 'notify', to: 'team', text: 'It begins.' } },
        effect: 'none',
        verify: [],
        rollback: { kind: 'none' },
      }),
      step('backup', { rollback: { kind: 'keep' }, estimate_s: 1, refs: ['OA-03'] }),
    ],
    change: [
      step('migrate', {
        title: 'Migrate the schema',
        refs: ['OA-05', 'OA-06'],
        rollback: {
          kind: 'undo',
          undos: [{ ...base, verify: 'inverse' }],
          last_resort: [
            { ...base, action: resort, verify: 'inverse', loses: 'All since the backup.' },
          ],
        },
      }),
      step('measure', {
        act: {
          ...base,
          action: {
            verb: 'load',
            http: { method: 'get', url: 'http://localhost/', headers: {} },
            requests: 100,
            connections: 2,
          },
        },
        effect: 'none',
        rollback: { kind: 'none' },
      }),
      step('confirm', {
        act: {
          ...base,
          action: {
            verb: 'manual',
            role: 'QA',
            ask: 'Log in with a phone.',
            confirm: ['The code is shown', 'It works once'],
          },
        },
        effect: 'none',
        verify: [],
        rollback: { kind: 'none' },
      }),
      step('cache', { when: { source: 'inputs.cache', at: 'r.yaml:1:1' } }),
      step('restart'),
    ],
  }
  const made = plan(phases, { finally: [{ ...told, phase: 'finally' }] })
  made.inputs['release'] = { kind: 'value', type: 'string', value: '1.1.0' }
  made.inputs['commit'] = { kind: 'value', type: 'string', value: 'abc1234' }
  const run = journal()
  run.add({ type: 'step.armed', step: 'notice', attempt: 1 })
  const notes = ['not sent to team: no answer from http://hooks.example.com: no such host']
  const acted = { attempt: 1, ok: true, result: {}, outputs: {}, duration_ms: 20 }
  run.add({ type: 'step.acted', step: 'notice', ...acted, notes })
  run.add({ type: 'step.done', step: 'notice', attempt: 1, duration_ms: 20 })
  run.good('backup', 400_000)
  run.add({ type: 'step.armed', step: 'migrate', attempt: 1 })
  run.wait(2100)
  run.add({ type: 'step.failed', step: 'migrate', attempt: 1, failure, duration_ms: 2100 })
  run.add({ type: 'step.skipped', step: 'tell', reason: 'run.status == "rolled_back" is false' })
  run.add({ type: 'run.finished', status: 'failed', exit_code: 3 })
  run.wait(600_000)
  run.add({ type: 'run.resumed', by: { ...by, user: 'bo', host: 'laptop' } })
  run.add({ type: 'step.armed', step: 'migrate', attempt: 2 })
  const away = { title: 'it answers', answer: 'does_not_hold' as const, times: 1 }
  run.add({
    type: 'step.sampled',
    step: 'migrate',
    begins: true,
    ticks: [0, 250, 500, 800, 1000].map((watched_ms) => ({
      at: new Date(Date.parse('2025-06-14T02:20:00.000Z') + watched_ms).toISOString(),
      watched_ms,
      probes: {
        web: { figures: { duration_ms: 20 }, ...(watched_ms % 1000 > 250 && { bad: away }) },
        login: { figures: { duration_ms: 5 }, ...(watched_ms === 500 && { bad: away }) },
      },
    })),
  })
  run.wait(1000)
  const saw = { title: 'it is so', answer: 'holds' as const, values: { row_count: 3 }, times: 2 }
  run.add({ type: 'step.verified', step: 'migrate', attempt: 2, checks: [saw] })
  run.add({ type: 'step.done', step: 'migrate', attempt: 2, duration_ms: 1000, settled: 'check' })
  run.add({ type: 'step.armed', step: 'measure', attempt: 1 })
  run.add({
    type: 'step.acted',
    step: 'measure',
    ...acted,
    result: { requests: 100, failed: 0, p95_ms: 12.5 },
    outputs: { slowest: 31.5, token: { sealed: 'c2VhbGVk' } },
  })
  run.add({
    type: 'step.sampled',
    step: 'measure',
    check: 0,
    ticks: [12, 30.12345].map((ms, i) => ({
      at: '2025-06-14T02:30:00.000Z',
      watched_ms: i * 1000,
      probes: { web: { figures: { duration_ms: ms } } },
    })),
  })
  run.add({ type: 'step.done', step: 'measure', attempt: 1, duration_ms: 900 })
  run.add({ type: 'step.armed', step: 'confirm', attempt: 1 })
  const at = '2025-06-14T02:31:00.000Z'
  run.add({
    type: 'step.acted',
    step: 'confirm',
    ...acted,
    result: { by: 'cleo', at, note: 'on two phones' },
  })
  run.add({ type: 'step.done', step: 'confirm', attempt: 1, duration_ms: 4000 })
  const sha = run.state.plan_sha256
  const dba = { role: 'dba', by: { ...by, user: 'dee' } }
  run.add({ type: 'step.signed', step: 'restart', ...dba, plan_sha256: '0'.repeat(64) })
  run.add({ type: 'step.signed', step: 'restart', ...dba, plan_sha256: sha, note: 'after a look' })
  run.add({ type: 'step.skipped', step: 'cache', reason: 'when inputs.cache is false' })
  run.add({ type: 'step.armed', step: 'restart', attempt: 1 })
  run.add({ type: 'step.in_doubt', step: 'restart', reason: 'nobody recorded its end' })
  const reason = 'the service runs'
  run.add({ type: 'step.resolved', step: 'restart', as: 'done', reason, by })
  run.wait(500)
  run.add({ type: 'step.failed', step: 'restart', attempt: 1, failure, duration_ms: 500 })
  run.add({ type: 'run.rolling_back', why: 'step restart failed', automatic: true })
  run.add({ type: 'undo.armed', step: 'restart', attempt: 1, part: 0 })
  run.wait(500)
  const gone = [{ title: 'it is so', answer: 'does_not_hold' as const, times: 1 }]
  run.add({ type: 'undo.verified', step: 'restart', attempt: 1, part: 0, checks: gone })
  const undone = { attempt: 1, part: 0, last: true, duration_ms: 500 }
  run.add({ type: 'undo.done', step: 'restart', ...undone })
  run.add({ type: 'undo.armed', step: 'migrate', attempt: 1, part: 0 })
  run.wait(900)
  const rest = { attempt: 1, part: 0, duration_ms: 900 }
  run.add({ type: 'undo.failed', step: 'migrate', failure, ...rest })
  run.good('tell')
  run.add({ type: 'run.finished', status: 'rollback_failed', exit_code: 5 })
  return { plan: made, run }
}

/** The same with everything that a person wrote, or a program said, turned against the reader. */
function hostile(evil: string): { plan: Plan; run: Journal } {
  const { plan: made, run } = eventful()
  const spoil = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(spoil)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        typeof inner === 'string' && SPOILED.has(key) ? `${inner}${evil}` : spoil(inner),
      ]),
    )
  }
  const state = run.state
  const again = journal()
  for (const event of run.events.slice(1)) again.add(spoil(event) as typeof event)
  expect(again.state.status).toBe(state.status)
  return { plan: spoil(made) as Plan, run: again }
}

const SPOILED = new Set(
  'title owner ask role reach message reason why tail expression said note by version value loses row_count'.split(
    ' ',
  ),
)

const EVILS = [
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  ' | a | b |\n|---|---|---|\n| c |',
  '\n# Heading\n\n- item\n\n> quote\n\n1. one\n\n---\n',
  '`code` ``` ```` \n```\nout of the block\n~~~~\n',
  '[link](javascript:alert(1)) ![image](http://evil.example/x.png) <http://evil.example>',
  '**bold** _it_ ~~gone~~ \\ &lt; &#60; \u001b[31mred\u001b[0m \u202e \u0000 \u2028\n::error::x',
]

/** What a document is made of, less the texts in it. */
function bones(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => {
    const inner =
      token.type === 'table'
        ? (token as Tokens.Table).rows.flatMap((row) => [
            'row',
            ...row.flatMap((cell) => ['cell', ...bones(cell.tokens)]),
          ])
        : token.type === 'list'
          ? (token as Tokens.List).items.flatMap((item) => ['item', ...bones(item.tokens)])
          : bones((token as Tokens.Generic).tokens ?? [])
    // A text is one piece, however many signs in it had to be escaped. An address that is written out
    // leads to where it says.
    const { type, raw } = token
    if (type === 'link' && raw === (token as Tokens.Link).text) return []
    return ['text', 'escape', 'space', 'br'].includes(type) ? [] : [type, ...inner]
  })
}

describe('a report in Markdown', () => {
  test.each(Object.keys(stories))('tells how a run ended: %s', (name) => {
    const run = journal()
    stories[name]?.(run)
    golden(`report ${name}`, reportMarkdown(report(smallPlan(), run)))
  })

  test('tells all that happened on the way', () => {
    const { plan: of, run } = eventful()
    // Web and login failed together for a while: that counts once.
    expect(report(of, run).downtime).toMatchObject({ down_ms: 500, bad: 3, open: false })
    golden('report eventful', reportMarkdown(report(of, run)))
    golden('report eventful brief', reportMarkdown(report(of, run), false))
  })

  test.each(EVILS)('stays the document that it is, whatever is in its texts: %j', (evil) => {
    const shape = ({ plan: of, run }: ReturnType<typeof eventful>) =>
      bones(marked.lexer(reportMarkdown(report(of, run))))
    const tame = shape(hostile(' tame'))
    expect(shape(hostile(evil))).toEqual(tame)
    expect(tame.filter((type) => ['html', 'link', 'image'].includes(type))).toEqual([])
    const { plan: of, run } = hostile(evil)
    const html = marked.parse(reportMarkdown(report(of, run)), { async: false })
    expect(html).not.toMatch(/<(script|img|del)\b|href="(?!http:)/)
  })

  test('is bound to its run only: it has no time of its own, and can be made again', () => {
    const { plan: of, run } = eventful()
    expect(report(of, run)).toEqual(report(of, run))
  })
})

describe('foreign text in Markdown', () => {
  const shown = (markdown: string) => marked.parse(markdown, { async: false }).trim()

  test.each(EVILS.slice(0, 5))('reads as it was written: %j', (evil) => {
    const line = evil.replaceAll(/\s*\n\s*/g, ' ').trim()
    const plain = (html: string) =>
      html
        .replaceAll(/<\/?(p|a)\b[^>]*>/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&')
    expect(plain(shown(text(evil)))).toBe(line)
  })

  test('code is one span, a block one block', () => {
    for (const evil of ['`', '``a` b', ' a ', 'a|b', '`a`', '```']) {
      expect(bones(marked.lexer(code(evil)))).toEqual(['paragraph', 'codespan'])
      expect(bones(marked.lexer(`| x |\n|---|\n| ${code(evil)} |\n`))).toEqual([
        'table',
        'row',
        'cell',
        'codespan',
      ])
    }
    for (const evil of ['- a', '+ a', '# a', '1. a', '1) a', '---', '===', '-', '- - -', '=']) {
      expect(bones(marked.lexer(`a\n${text(evil)}`))).toEqual(['paragraph'])
      expect(bones(marked.lexer(`- ${text(evil)}`))).toEqual(['list', 'item'])
    }
    expect(['1.0', '#ops', '-5', '+1 555'].map(text)).toEqual(['1.0', '#ops', '-5', '+1 555'])
    for (const evil of ['```\nx', '~~~\n````\n', '']) {
      expect(bones(marked.lexer(block(evil)))).toEqual(['code'])
    }
  })
})

describe('JUnit XML', () => {
  function parsed(xml: string): Document {
    const faults: string[] = []
    const document = new DOMParser({
      // A sign in place of one that is none is worth a warning to it.
      onError: (level, message) => level === 'warning' || faults.push(`${level}: ${message}`),
    }).parseFromString(xml, 'text/xml')
    expect(faults).toEqual([])
    return document
  }

  const cases = (xml: string) =>
    [...parsed(xml).getElementsByTagName('testcase')].map((one) => {
      const [inner] = [...one.childNodes].filter(({ nodeType }) => nodeType === 1)
      return `${one.getAttribute('name')?.split(':')[0]} ${inner?.nodeName ?? 'passed'}`
    })

  test('has a suite a phase and a case a step', () => {
    const { plan: of, run } = eventful()
    const xml = junitXml(report(of, run))
    golden('report junit', xml)
    expect(cases(xml)).toEqual([
      'notice passed',
      'backup passed',
      'migrate failure',
      'measure passed',
      'confirm passed',
      'cache skipped',
      'restart failure',
      'tell passed',
    ])
    const suites = [...parsed(xml).getElementsByTagName('testsuite')]
    expect(suites.map((s) => `${s.getAttribute('tests')} ${s.getAttribute('failures')}`)).toEqual([
      '2 0',
      '5 2',
      '1 0',
    ])
  })

  test('tells how each kind of run ended', () => {
    const told = Object.entries(stories).map(([name, story]) => {
      const run = journal()
      story(run)
      return `${name}\n${cases(junitXml(report(smallPlan(), run)))
        .map((line) => `  ${line}\n`)
        .join('')}`
    })
    golden('report junit cases', told.join(''))
  })

  test('a step whose undo worked at the second attempt has passed', () => {
    const run = journal()
    run.good('switch')
    run.add({ type: 'run.rolling_back', why: 'ana asked', automatic: false })
    const first = { step: 'switch', attempt: 1, part: 0 }
    run.add({ type: 'undo.armed', ...first })
    run.add({ type: 'undo.failed', ...first, failure, duration_ms: 500 })
    const second = { ...first, attempt: 2 }
    run.add({ type: 'undo.armed', ...second })
    run.add({ type: 'undo.done', ...second, last: true, duration_ms: 500 })
    const told = report(smallPlan(), run)
    expect(cases(junitXml(told))).toContain('switch system-out')
    expect(told.deviations).toMatchObject([{ step: 'switch', kind: 'failed' }])
  })

  test.each([...EVILS, '\u0000\u0007\u001b[2J\ufffe\uffff\ud800 ]]> "&amp;\' \u{1f600}'])(
    'is XML, whatever is in its texts: %j',
    (evil) => {
      const { plan: of, run } = hostile(evil)
      const xml = junitXml(report(of, run))
      const tame = hostile(' tame')
      expect(cases(xml).length).toBe(cases(junitXml(report(tame.plan, tame.run))).length)
      // A parser may be lenient: what XML 1.0 has no room for is not there at all.
      expect(xml).toMatch(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u)
    },
  )
})
