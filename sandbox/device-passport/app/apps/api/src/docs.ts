// The documentation of the API, made of its routes.
import { type Route, escapeHtml } from '../../../../../shared/kit/http.ts'

const page = (routes: readonly Route[], version: string): string => {
  const rows = routes.map(
    ({ method, path }) => `<tr><td>${method}</td><td><code>${escapeHtml(path)}</code></td></tr>`,
  )
  return `<!doctype html><html lang="en"><title>Device Passport API</title>
<h1>Device Passport API ${escapeHtml(version)}</h1>
<p>Bodies are JSON. A login gives an access token for fifteen minutes, sent as a bearer credential, and a refresh
token for seven days, which works once. A login may be tried five times a minute, what anybody may ask twenty times,
everything else a hundred times; who asks more often gets 429 and is told how many seconds to wait.</p><table>${rows.join('')}</table></html>`
}

/** The description that programs read, as OpenAPI has it. */
function description(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, object>> = {}
  for (const { method, path } of routes) {
    const at = path.replace(/:(\w+)/g, '{$1}')
    paths[at] = { ...paths[at], [method.toLowerCase()]: { responses: { default: {} } } }
  }
  return { openapi: '3.1.0', info: { title: 'Device Passport API', version }, paths }
}

export const docsRoutes = (routes: readonly Route[], version: string): Route[] => [
  {
    method: 'GET',
    path: '/api/docs',
    handle: () =>
      Promise.resolve({
        status: 200,
        text: page(routes, version),
        type: 'text/html; charset=utf-8',
      }),
  },
  {
    method: 'GET',
    path: '/api/docs.json',
    handle: () => Promise.resolve({ status: 200, json: description(routes, version) }),
  },
]
