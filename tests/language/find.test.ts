import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadCheckLibrary } from '../../src/language/checks.ts'
import { findRoot } from '../../src/language/find.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { listRunbooks } from '../../src/language/read.ts'

const here = import.meta.dirname

describe('runbooks are found', () => {
  test('by name, upward from a folder', async () => {
    expect(findRoot(join(here, 'malformed', 'names'))).toBe(here)
    const { runbook, root } = await loadRunbook('named', join(here, 'malformed'))
    expect([runbook.runbook, runbook.file, root]).toEqual(['named', 'runbooks/named.yaml', here])
  })

  test('by path', async () => {
    const { runbook } = await loadRunbook('../sound/plain.yaml', join(here, 'malformed'))
    expect(runbook.file).toBe('sound/plain.yaml')
  })

  test.each([
    ['namd', 'there is no runbook "namd"', 'did you mean "named"?'],
    [
      '../runbooks/other.yaml',
      'there is no file ../runbooks/other.yaml',
      'give the name of a runbook',
    ],
    ['../runbooks/', '../runbooks/ is not a file', ''],
    ['..', 'there is no runbook ".."', ''],
  ])('%s is not there', async (name, message, hint) => {
    const error: unknown = await loadRunbook(name, join(here, 'malformed')).catch((e: unknown) => e)
    expect(error).toMatchObject({ exit: 2, message })
    expect((error as { hint?: string }).hint ?? '').toContain(hint)
  })

  test('all of them', async () => {
    expect(await listRunbooks(here)).toEqual([
      { name: 'named', path: join(here, 'runbooks', 'named.yaml'), title: 'Found by its name' },
    ])
  })
})

describe('the checks library', () => {
  test('keeps what is wrong with a file until somebody uses it', () => {
    const library = loadCheckLibrary(here)
    expect(library.names).toEqual(expect.arrayContaining(['answers', 'script', 'faulty', 'broken']))
    expect(library.read('broken')).toMatchObject({ faults: [{ file: 'checks/broken.yaml' }] })
    expect(library.read('broken')?.check).toBeUndefined()
    expect(library.read('misnamed')?.faults).toHaveLength(1)
    expect(library.read('no-such-check')).toBeUndefined()
  })

  test("a folder's own checks come before the shipped ones", () => {
    const prefix = (library: ReturnType<typeof loadCheckLibrary>) =>
      library.read('answers')?.check?.folder.prefix
    expect(prefix(loadCheckLibrary(here, join(here, 'checks')))).toBe('runbook:checks/')
    expect(prefix(loadCheckLibrary(here))).toBe('checks/')
  })

  test('a use becomes the check that it stands for', async () => {
    const { runbook } = await loadRunbook(join(here, 'sound', 'anchors.yaml'), here)
    const check = runbook.steps[1]?.verify[1]
    expect(check).toMatchObject({
      title: 'Fast',
      params: { url: '${{ inputs.app_url }}', status: 200, note: '' },
      timeout: '30s',
      expect: [
        { source: 'status == params.status', at: 'checks/answers.yaml:10:9' },
        { source: 'duration_ms < 500', at: 'sound/anchors.yaml:21:92' },
      ],
    })
    // What its verb expects by itself still holds.
    expect(runbook.steps[1]?.verify[2]?.expect.map(({ source }) => source)).toEqual([
      'failed == 0',
      'p95_ms < 500',
    ])
    expect(Object.keys(runbook.files)).toEqual(['checks/answers.yaml', 'checks/burst.yaml'])
  })

  test('its scripts are relative to its own folder, and kept', async () => {
    const { runbook } = await loadRunbook(join(here, 'sound', 'edge.yaml'), here)
    expect(Object.keys(runbook.files).toSorted()).toEqual([
      'checks/answers.yaml',
      'checks/script.mjs',
      'migrations/001.sql',
    ])
  })
})
