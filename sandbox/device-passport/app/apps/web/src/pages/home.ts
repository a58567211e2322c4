// The start page.
import type { Ask } from '../client.ts'
import { escape } from '../html.ts'

export async function page(ask: Ask): Promise<string> {
  const { ok, body } = await ask('GET', '/catalogue')
  const count = ok ? `${escape(body['devices'])} devices` : 'The catalogue does not answer.'
  return `<h1>Device passports</h1><p>${count}</p><a href="#/login">Log in</a>`
}
