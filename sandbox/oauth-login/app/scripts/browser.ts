// A browser as far as a login needs one: it goes where it is sent, and keeps its cookies.

export interface Page {
  status: number
  json: Record<string, unknown>
}

export interface Browser {
  /** @param follow gives where somebody goes who is sent to an address; there, when left out */
  open(address: string, follow?: (sent: URL) => URL): Promise<Page>
}

interface Cookie {
  name: string
  value: string
  path: string
}

/** Cookies belong to a host, whatever its port; there is one here. */
function taken(jar: readonly Cookie[], headers: Headers): Cookie[] {
  const now = new Map(jar.map((one) => [`${one.name} ${one.path}`, one]))
  for (const line of headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '/'
    if (value === '') now.delete(`${name} ${path}`)
    else now.set(`${name} ${path}`, { name, value, path })
  }
  return [...now.values()]
}

export function openBrowser(): Browser {
  let jar: Cookie[] = []
  return {
    async open(address, follow = (sent) => sent) {
      let url = new URL(address)
      for (let hops = 0; hops < 12; hops++) {
        const cookies = jar.filter(({ path }) => url.pathname.startsWith(path))
        const answer = await fetch(url, {
          redirect: 'manual',
          headers: { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') },
          signal: AbortSignal.timeout(10_000),
        })
        jar = taken(jar, answer.headers)
        const text = await answer.text()
        const to = answer.headers.get('location')
        if (answer.status < 300 || answer.status > 399 || to === null) {
          const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
          const json = isJson && text !== '' ? (JSON.parse(text) as Page['json']) : {}
          return { status: answer.status, json }
        }
        url = follow(new URL(to, url))
      }
      throw new Error('it is sent from place to place without end')
    },
  }
}

/** Logs a person in. */
export const logIn = (
  browser: Browser,
  app: string,
  provider: string,
  email: string,
): Promise<Page> =>
  browser.open(`${app}/auth/login/${provider}?login_hint=${encodeURIComponent(email)}`)

/** Goes to log in, as nobody yet, and says no to what the provider asks. */
export const giveUp = (app: string, provider: string): Promise<Page> =>
  openBrowser().open(`${app}/auth/login/${provider}`, (sent) => {
    if (sent.pathname.includes('/interaction/')) sent.searchParams.set('deny', '1')
    return sent
  })
