// Passwords as scrypt digests: scrypt$cost$salt$digest.
import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto'

// Small on purpose: the sandbox's traffic logs in all the time on a small machine.
const COST = 16
const LENGTH = 32

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, LENGTH, { N: cost }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

const write = (salt: Buffer, digest: Buffer): string =>
  ['scrypt', COST, salt.toString('base64url'), digest.toString('base64url')].join('$')

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return write(salt, await derive(password, salt, COST))
}

/** With a salt of one's own the digest is the same every time; for rows that a first start makes. */
export function hashWithSalt(password: string, salt: Buffer): string {
  return write(salt, scryptSync(password, salt, LENGTH, { N: COST }))
}

export async function passwordFits(password: string, stored: string): Promise<boolean> {
  const [, cost = '', salt = '', digest = ''] = stored.split('$')
  const have = await derive(password, Buffer.from(salt, 'base64url'), Number(cost))
  const want = Buffer.from(digest, 'base64url')
  return have.length === want.length && timingSafeEqual(have, want)
}
