import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findKey, loadKey, stateFolder } from '../../src/engine/key.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runbook-key-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const refused = expect.objectContaining({ exit: 9 }) as Error
const mode = (path: string) => statSync(path).mode & 0o777

test('the key is made once, for its owner only, whatever the umask', () => {
  const before = process.umask(0)
  try {
    expect(findKey(root, {})).toBeUndefined()
    const key = loadKey(root, {})
    expect(key).toHaveLength(32)
    expect(loadKey(root, {})).toEqual(key)
    expect(findKey(root, {})).toEqual(key)
  } finally {
    process.umask(before)
  }
  expect(mode(join(root, '.runbook'))).toBe(0o700)
  expect(mode(join(root, '.runbook/key'))).toBe(0o600)
  expect(readFileSync(join(root, '.runbook/.gitignore'), 'utf8')).toBe('*\n')
  expect(readdirSync(join(root, '.runbook')).sort()).toEqual(['.gitignore', 'key'])
})

test('processes that make it at once get the same', async () => {
  const url = new URL('../../src/engine/key.ts', import.meta.url).href
  const script = `import { loadKey } from ${JSON.stringify(url)}; console.log(loadKey(${JSON.stringify(root)}, {}).toString('hex'))`
  const all = await Promise.all(
    Array.from({ length: 6 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script]),
    ),
  )
  expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1)
})

test('RUNBOOK_KEY stands before the file, in hex or base64', () => {
  const key = Buffer.alloc(32, 0xfb)
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    expect(loadKey(root, { RUNBOOK_KEY: ` ${key.toString(encoding)}\n` })).toEqual(key)
  }
  expect(readdirSync(root)).toEqual([])
})

test.each(['short', '00'.repeat(31), 'z'.repeat(64), '!'.repeat(44)])(
  'RUNBOOK_KEY=%s is refused and not shown',
  (text) => {
    expect(() => loadKey(root, { RUNBOOK_KEY: text })).toThrow(refused)
    expect(() => loadKey(root, { RUNBOOK_KEY: text })).not.toThrow(text)
  },
)

describe('what is planted in place of the key', () => {
  const key = () => join(root, '.runbook/key')
  const good = `${'ab'.repeat(32)}\n`
  beforeEach(() => {
    stateFolder(root)
  })
  test('a link to a good one', () => {
    writeFileSync(join(root, 'other'), good, { mode: 0o600 })
    symlinkSync(join(root, 'other'), key())
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test('a link to nothing', () => {
    symlinkSync(join(root, 'nothing'), key())
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test('a pipe', async () => {
    await promisify(execFile)('mkfifo', ['-m', '600', key()])
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test('a folder', () => {
    mkdirSync(key())
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test('one that others can read', () => {
    writeFileSync(key(), good)
    chmodSync(key(), 0o640)
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test.skipIf(process.getuid?.() !== 0)("one of somebody else's", () => {
    writeFileSync(key(), good, { mode: 0o600 })
    chownSync(key(), 65_534, 65_534)
    expect(() => loadKey(root, {})).toThrow(refused)
  })
  test('half a key', () => {
    writeFileSync(key(), 'abcd', { mode: 0o600 })
    expect(() => loadKey(root, {})).toThrow(refused)
  })
})

describe('what is planted in place of the folder', () => {
  test('a link', () => {
    mkdirSync(join(root, 'elsewhere'))
    symlinkSync('elsewhere', join(root, '.runbook'))
    expect(() => stateFolder(root)).toThrow(refused)
  })
  test('one that everybody can write to', () => {
    mkdirSync(join(root, '.runbook'))
    chmodSync(join(root, '.runbook'), 0o777)
    expect(() => stateFolder(root)).toThrow(refused)
  })
  test('one that others can only read is closed', () => {
    mkdirSync(join(root, '.runbook'), { mode: 0o755 })
    expect(mode(stateFolder(root))).toBe(0o700)
  })
  test('a link in place of its .gitignore stays what it is', () => {
    mkdirSync(join(root, '.runbook'), { mode: 0o700 })
    writeFileSync(join(root, 'mine'), 'mine')
    linkSync(join(root, 'mine'), join(root, '.runbook/.gitignore'))
    stateFolder(root)
    expect(readFileSync(join(root, 'mine'), 'utf8')).toBe('mine')
    expect(lstatSync(join(root, '.runbook/.gitignore')).isFile()).toBe(true)
  })
})
