// Is what the dashboard draws really exposed, and does the scrape job ask for it?
// node scripts/monitoring.ts FOLDER, with APP_URL; the answer is JSON.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
const app = process.env['APP_URL']
if (folder === undefined || app === undefined) {
  process.stderr.write('usage: APP_URL=… monitoring.ts FOLDER\n')
  process.exit(2)
}

const answer = await fetch(`${app.replace(/\/$/, '')}/metrics`, {
  signal: AbortSignal.timeout(10_000),
})
if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`)
const text = await answer.text()

const samples = new Map<string, number>()
for (const line of text.split('\n')) {
  const match = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)$/.exec(line)
  if (match !== null) samples.set(match[1] ?? '', Number(match[2]))
}
const exposed = new Set([...samples.keys()].map((key) => key.split('{')[0] ?? ''))

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[]
}
const dashboard = JSON.parse(
  readFileSync(join(folder, 'dashboards/qr-login.json'), 'utf8'),
) as Dashboard
const wanted = dashboard.panels.flatMap((panel) =>
  panel.targets.flatMap((t) => t.expr.match(/\b(?:qr|api)_\w+/g) ?? []),
)
const missing = [...new Set(wanted)].filter((name) => !exposed.has(name))
const scraped = /metrics_path:\s*\/metrics\b/.test(
  readFileSync(join(folder, 'scrape.d/qr-login.yml'), 'utf8'),
)

// The smallest bucket that holds 95 % of the requests: an upper bound for the p95.
const count = samples.get('qr_api_duration_count') ?? 0
const buckets = [...samples].flatMap(([key, n]) => {
  const le = /^qr_api_duration_bucket\{le="([^"]+)"\}$/.exec(key)?.[1]
  return le === undefined || le === '+Inf' ? [] : [{ le: Number(le), n }]
})
const p95 = buckets.sort((a, b) => a.le - b.le).find((b) => b.n >= 0.95 * count)?.le

process.stdout.write(
  JSON.stringify({
    panels: dashboard.panels.length,
    missing,
    scraped,
    active: samples.get('qr_tokens_active') ?? -1,
    generated: samples.get('qr_tokens_generated_total') ?? -1,
    requests: count,
    p95_ms_at_most: p95 === undefined ? 1_000_000 : p95 * 1000,
  }) + '\n',
)
