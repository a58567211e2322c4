/** Certificates made on the spot by openssl. */
import { execFileSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of a certificate for 127.0.0.1 that is its own issuer, and of its key, which `owner` may read. */
export function certificate(
  folder: string,
  name: string,
  { days = 90, owner = {} }: { days?: number; owner?: { uid?: number; gid?: number } } = {},
): { cert: string; key: string } {
  const cert = join(folder, `${name}.crt`)
  const key = join(folder, `${name}.key`)
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const files = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', ...files, '-days', String(days), ...names], {
    stdio: 'ignore',
  })
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(key, owner.uid, owner.gid)
  return { cert, key }
}
