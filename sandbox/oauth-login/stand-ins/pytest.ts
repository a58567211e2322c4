// Stand-in for pytest: runs the tests that Node's own runner knows in these folders or files,
// and says in pytest's words how it went. Both providers are there for them, as a fixture.
import { existsSync, globSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { type Call, fail, runTool, say } from '../../shared/stand-ins/tool.ts'
import { openProviders } from '../provider.ts'

function filesOf(path: string): string[] {
  if (!existsSync(path)) fail(4, `ERROR: file or directory not found: ${path}`)
  return statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`).sort() : [path]
}

/** How the summary line of pytest tells it. */
function summary(passed: number, failed: number, seconds: number): string {
  const parts = [failed > 0 ? `${failed} failed` : '', passed > 0 ? `${passed} passed` : '']
  const said = parts.filter((part) => part !== '').join(', ')
  return ` ${said === '' ? 'no tests ran' : said} in ${seconds.toFixed(2)}s `
    .padStart(46, '=')
    .padEnd(70, '=')
}

async function test({ words, has }: Call): Promise<void> {
  const files = (words.length > 0 ? words : ['tests']).flatMap(filesOf).map((file) => resolve(file))
  const clients = {
    google: { id: 'google-of-tests', secret: 'google-secret-of-tests' },
    github: { id: 'github-of-tests', secret: 'github-secret-of-tests' },
  }
  const providers = await openProviders(0, clients)
  const from = performance.now()
  let [passed, failed] = [0, 0]
  // Where there is nothing to run, Node would look for tests by itself.
  const events =
    files.length === 0
      ? []
      : run({
          files,
          concurrency: true,
          env: {
            ...process.env,
            GOOGLE_ISSUER: `${providers.url}/google`,
            GITHUB_URL: `${providers.url}/github`,
            GITHUB_API: `${providers.url}/github`,
            GOOGLE_CLIENT_ID: clients.google.id,
            GOOGLE_CLIENT_SECRET: clients.google.secret,
            GITHUB_CLIENT_ID: clients.github.id,
            GITHUB_CLIENT_SECRET: clients.github.secret,
          },
        })
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { name, file = '', details, nesting } = event.data
    if (nesting > 0 || details.type === 'suite') continue
    const good = event.type === 'test:pass'
    if (good) passed++
    else failed++
    const word = good ? 'PASSED' : 'FAILED'
    if (!good || has('verbose')) say(`${relative('.', file)}::${name} ${word}`)
    if (event.type === 'test:fail') {
      const { cause } = event.data.details.error
      say(`E   ${String(cause instanceof Error ? cause.message : cause)}`)
    }
  }
  providers.close()
  say(summary(passed, failed, (performance.now() - from) / 1000))
  // As there: 1 some failed, 5 none were found.
  process.exitCode = failed > 0 ? 1 : passed === 0 ? 5 : 0
}

await runTool({
  name: 'pytest',
  usage: 4,
  unknownFlag: (flag) => `pytest: error: unrecognized arguments: ${flag}`,
  commands: {
    '': {
      flags: ['-q, --quiet', '-v, --verbose', '-x, --exitfirst'],
      words: [0, Infinity],
      run: test,
    },
  },
})
