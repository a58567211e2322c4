// Encryption of single values: AES-256-GCM under a key that only the environment
// knows. A sealed value names its key by a digest, and is bound to its column
// and row, so that one copied to another row does not open there.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

export type Column = 'two_factor_secret' | 'phone_number'

export interface Cipher {
  /** Which key this is; tells nothing of the key. */
  readonly keyId: string
  seal(column: Column, row: string, plain: string): string
  /** Throws when the value was made with another key, for another place, or was changed. */
  open(column: Column, row: string, sealed: string): string
}

const NONCE = 12
const TAG = 16

/** 32 bytes, as base64url, base64 or hex. The message never holds the text. */
export function readKey(text: string): Buffer {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64')
  if (key.length !== 32) throw new Error('the encryption key must be 32 bytes in base64 or hex')
  return key
}

export function keyIdOf(key: Buffer): string {
  return createHmac('sha256', key).update('lockr key id').digest('hex').slice(0, 8)
}

export function makeCipher(key: Buffer): Cipher {
  const keyId = keyIdOf(key)
  const place = (column: Column, row: string): Buffer => Buffer.from(`users.${column}.${row}`)
  return {
    keyId,
    seal(column, row, plain) {
      const nonce = randomBytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(place(column, row))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      const sealed = Buffer.concat([nonce, body, cipher.getAuthTag()])
      return `v1.${keyId}.${sealed.toString('base64url')}`
    },
    open(column, row, sealed) {
      const [version, id, text = ''] = sealed.split('.')
      if (version !== 'v1' || id !== keyId) throw new Error('sealed with another key')
      const bytes = Buffer.from(text, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE))
        .setAAD(place(column, row))
        .setAuthTag(bytes.subarray(bytes.length - TAG))
      const body = bytes.subarray(NONCE, bytes.length - TAG)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    },
  }
}
