// One-time codes of an authenticator app: RFC 6238 with SHA-1, six digits, 30 seconds.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const STEP_MS = 30_000

/** RFC 4648 base32 without padding. */
export function base32(bytes: Buffer): string {
  let bits = ''
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => ALPHABET[parseInt(five.padEnd(5, '0'), 2)])
    .join('')
}

function fromBase32(text: string): Buffer {
  let bits = ''
  for (const c of text) bits += ALPHABET.indexOf(c).toString(2).padStart(5, '0')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => parseInt(eight, 2)))
}

export const newSecret = (): string => base32(randomBytes(20))

export function codeAt(secret: string, at: Date, shift = 0): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / STEP_MS) + shift))
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const from = (mac[19] ?? 0) & 15
  return String((mac.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** The code of this half minute, or of the one before or after: clocks differ. */
export function codeFits(secret: string, code: string, at: Date): boolean {
  return [0, -1, 1].some((shift) => {
    const want = Buffer.from(codeAt(secret, at, shift))
    const have = Buffer.from(code)
    return want.length === have.length && timingSafeEqual(want, have)
  })
}
