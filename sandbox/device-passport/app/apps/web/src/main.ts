// Starts the web application.
import { makeClient } from './client.ts'
import { render } from './router.ts'
import { leftOf } from './session.ts'
import { readSettings } from './settings.ts'

const settings = readSettings(import.meta.env ?? {})
let token: string | undefined
const ask = makeClient(settings, () => token)

async function show(): Promise<void> {
  const app = document.getElementById('app')
  const html = await render(location.hash, ask)
  app?.replaceChildren(document.createRange().createContextualFragment(html))
}

document.addEventListener('submit', (event) => {
  event.preventDefault()
  void (async () => {
    const form = new FormData(event.target as HTMLFormElement)
    const given = { email: form.get('email'), password: form.get('password') }
    const { ok, body } = await ask('POST', '/auth/login', given)
    if (!ok) return
    token = String(body['accessToken'])
    setTimeout(
      () => {
        token = undefined
        location.hash = '#/login'
      },
      leftOf(token, Date.now()),
    )
    location.hash = '#/'
  })()
})
addEventListener('hashchange', () => void show())
document.title = settings.name
void show()
