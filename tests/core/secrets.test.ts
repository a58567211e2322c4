import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createMasker, fingerprint, seal, unseal } from '../../src/core/secrets.ts'

const plain = 'kR7#vq2!Zp'
const nasty = `a'b"c\\d<e>&f g/h+i=é$\`j`
const url = 'postgresql://deploy:p%40ss%2Fw0rd-9x@db.example.com:5432/hotel?sslmode=require'
const pem = [
  '-----BEGIN PRIVATE KEY-----',
  ...Array.from({ length: 4 }, (_, i) =>
    Buffer.from(`line ${i} of a key that is long enough for wrap`).toString('base64'),
  ),
  '-----END PRIVATE KEY-----',
  '',
].join('\n')

const secrets = new Map([
  ['plain', plain],
  ['nasty', nasty],
  ['database_url', url],
  ['pem', pem],
])

function streamed(masker: ReturnType<typeof createMasker>, chunks: string[]): string {
  const stream = masker.stream()
  return chunks.map((c) => stream.write(c)).join('') + stream.end()
}

/** Every encoding a log may show the secret in, with something before and after it. */
const shapes: [string, (s: string) => string][] = [
  ['itself', (s) => s],
  ['base64', (s) => Buffer.from(s).toString('base64')],
  ['base64 of a line', (s) => Buffer.from(`${s}\n`).toString('base64')],
  ['base64url', (s) => Buffer.from(s).toString('base64url')],
  ['percent', (s) => encodeURIComponent(s)],
  ['percent in lower case', (s) => encodeURIComponent(s).replace(/%../g, (c) => c.toLowerCase())],
  ['a form', (s) => new URLSearchParams({ s }).toString().slice(2)],
  ['JSON', (s) => JSON.stringify(s).slice(1, -1)],
  ['JSON in JSON', (s) => JSON.stringify(JSON.stringify(s)).slice(3, -3)],
  ['shell', (s) => s.replaceAll("'", `'\\''`)],
  [
    'HTML',
    (s) =>
      s.replace(
        /[&<>"']/g,
        (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '&#39;',
      ),
  ],
  ['hex', (s) => Buffer.from(s).toString('hex')],
  ['HEX', (s) => Buffer.from(s).toString('hex').toUpperCase()],
]

describe.each([...secrets])('%s', (name, secret) => {
  test.each(shapes)('as %s', (_, shape) => {
    const masker = createMasker(secrets)
    const text = `before ${shape(secret)} after`
    expect(masker.mask(text)).toBe(`before ***(${name}) after`)
  })

  test('cut at every offset', () => {
    const masker = createMasker(secrets)
    const text = `before ${secret}, once more ${secret}`
    const whole = masker.mask(text)
    expect(whole).not.toContain(secret)
    for (let i = 0; i <= text.length; i++) {
      expect(streamed(masker, [text.slice(0, i), text.slice(i)])).toBe(whole)
    }
    expect(streamed(masker, [...text])).toBe(whole)
  })
})

test('base64 with anything before and after it', () => {
  const masker = createMasker([['plain', plain]])
  for (const before of ['', 'u', 'us', 'user:', 'name=']) {
    for (const after of ['', '\n', '@host', ':8080/x']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const text = Buffer.from(before + plain + after).toString(encoding)
        const left = masker.mask(text).replace('***(plain)', '')
        // At each border one character holds bits of both; what is left decodes to no two letters.
        expect(left.length).toBeLessThanOrEqual(
          text.length - Math.floor((plain.length * 8) / 6) + 1,
        )
      }
    }
  }
})

test('the password of a URL, encoded and decoded; each line of a key', () => {
  const masker = createMasker(secrets)
  expect(masker.mask('PGPASSWORD=p@ss/w0rd-9x')).toBe('PGPASSWORD=***(database_url)')
  expect(masker.mask('p%40ss%2Fw0rd-9x')).toBe('***(database_url)')
  for (const line of pem.split('\n').slice(1, -2)) {
    expect(masker.mask(`> ${line}`)).toBe('> ***(pem)')
  }
  expect(masker.mask('-----BEGIN PRIVATE KEY-----')).toBe('-----BEGIN PRIVATE KEY-----')
})

test('a URL whose query holds an @, and one whose password should have been encoded', () => {
  const masker = createMasker([
    ['a', 'postgres://u:first-pass@h/db?application_name=x@y'],
    ['b', 'postgres://u:sec@nd/pass@h/db'],
    ['c', 'postgres://h/db?user=u&password=th%21rd-one&x=y'],
  ])
  expect(masker.mask('first-pass sec@nd/pass th!rd-one')).toBe('***(a) ***(b) ***(c)')
})

test('secrets that overlap leave nothing of either', () => {
  const masker = createMasker([
    ['one', 'abcdefgh'],
    ['two', 'efghijkl'],
    ['long', 'abcdefghXYZ'],
  ])
  const cases: [string, string][] = [
    ['<abcdefghijkl>', '<***(one)>'],
    ['<abcdefghXYZ>', '<***(long)>'],
    ['<abcdefghXY>', '<***(one)XY>'],
    ['<abcdefghabcdefgh>', '<***(one)***(one)>'],
  ]
  for (const [text, masked] of cases) {
    expect(masker.mask(text)).toBe(masked)
    for (let i = 0; i <= text.length; i++) {
      expect(streamed(masker, [text.slice(0, i), text.slice(i)])).toBe(masked)
    }
    expect(streamed(masker, [...text])).toBe(masked)
  }
})

test('any cuts of any text give what the whole gives', () => {
  let seed = 7
  const random = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n
  for (let round = 0; round < 300; round++) {
    const letters = () => Array.from({ length: 6 + random(6) }, () => 'ab'[random(2)]).join('')
    const masker = createMasker(Array.from({ length: 3 }, (_, i) => [`s${i}`, letters()] as const))
    const text = Array.from({ length: 80 }, () => 'abab '[random(5)]).join('')
    const chunks: string[] = []
    for (let at = 0; at < text.length;) {
      const next = at + 1 + random(9)
      chunks.push(text.slice(at, next))
      at = next
    }
    expect(streamed(masker, chunks)).toBe(masker.mask(text))
  }
})

test('a secret added later is hidden from then on, in open streams too', () => {
  const masker = createMasker()
  const stream = masker.stream()
  expect(stream.write('token-12345 ')).toBe('token-12345 ')
  masker.add('token', 'token-12345')
  expect(stream.write('token-12345 ')).toBe('***(token) ')
  expect(stream.end()).toBe('')
})

test('what is too short or too common is named, not hidden', () => {
  const masker = createMasker([
    ['a', 'test'],
    ['b', 'Password'],
    ['c', 'aaaaaaaa'],
    ['d', '12345'],
    ['e', ''],
    ['f', 'postgres://postgres:postgres@127.0.0.1/postgres'],
    ['g', 'long enough'],
  ])
  expect(masker.weakSecrets()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(masker.mask('a test by postgres, 12345 aaaaaaaa')).toBe(
    'a test by postgres, 12345 aaaaaaaa',
  )
})

test('JSON values, keys and numbers included', () => {
  const masker = createMasker([
    ['pin', '83920174'],
    ['token', 'tok_abcdef'],
  ])
  const value = JSON.parse(
    '{"a":["x tok_abcdef",83920174,1,null],"tok_abcdef":{"__proto__":true},"***(token)":1}',
  ) as unknown
  expect(JSON.stringify(masker.maskDeep(value))).toBe(
    '{"a":["x ***(token)","***(pin)",1,null],"***(token)":{"__proto__":true},"***(token) (2)":1}',
  )
})

test('10 MB of clean text a second, at the very least', () => {
  const masker = createMasker([
    ...secrets,
    ...Array.from({ length: 6 }, (_, i) => [`s${i}`, randomBytes(24).toString('base64')] as const),
  ])
  const line =
    '2026-03-01T02:11:09.123Z postgres: checkpoint complete: wrote 44 buffers (0.3%); 0 added, 1 removed\n'
  const text = line.repeat(100_000)
  const start = performance.now()
  expect(masker.mask(text)).toBe(text)
  const stream = masker.stream()
  let length = 0
  for (let i = 0; i < text.length; i += 65_536)
    length += stream.write(text.slice(i, i + 65_536)).length
  expect(length + stream.end().length).toBe(text.length)
  const speed = (2 * text.length) / 1e6 / ((performance.now() - start) / 1000)
  expect(speed).toBeGreaterThan(10)
  if (process.env.SHOW_SPEED) console.log(`${speed.toFixed(0)} MB/s`)
})

describe('sealing', () => {
  const key = randomBytes(32)
  test('opens with the same key only, and not when a byte of it changed', () => {
    const sealed = seal(key, 'geheim é')
    expect(unseal(key, sealed)).toBe('geheim é')
    expect(sealed).not.toContain(Buffer.from('geheim').toString('base64').slice(0, 6))
    expect(() => unseal(randomBytes(32), sealed)).toThrow(expect.objectContaining({ exit: 9 }))
    const bytes = Buffer.from(sealed, 'base64')
    for (let i = 0; i < bytes.length; i++) {
      const bad = Buffer.from(bytes)
      bad[i] = (bad[i] ?? 0) ^ 1
      expect(() => unseal(key, bad.toString('base64'))).toThrow(
        expect.objectContaining({ exit: 9 }),
      )
    }
    expect(() => unseal(key, 'AAAA')).toThrow(expect.objectContaining({ exit: 10 }))
    expect(unseal(key, seal(key, ''))).toBe('')
  })
  test('a fingerprint tells a change and hangs on the key', () => {
    expect(fingerprint(key, 'one')).toBe(fingerprint(key, 'one'))
    expect(fingerprint(key, 'one')).not.toBe(fingerprint(key, 'two'))
    expect(fingerprint(key, 'one')).not.toBe(fingerprint(randomBytes(32), 'one'))
    expect(fingerprint(key, 'one')).toMatch(/^[0-9a-f]{64}$/)
  })
})
