// What a scanned code leads to.
import { readCode } from '../../../../packages/shared/src/passport.ts'
import type { Ask } from '../client.ts'
import { escape } from '../html.ts'

export async function page(ask: Ask, code: string): Promise<string> {
  if (readCode(code) === undefined) return '<p>This is not the code of a passport.</p>'
  const { ok, body } = await ask('GET', `/scan/${encodeURIComponent(code)}`)
  if (!ok) return '<p>No device has this passport.</p>'
  return `<h1>${escape(body['name'])}</h1><p>${escape(body['status'])}</p>`
}
