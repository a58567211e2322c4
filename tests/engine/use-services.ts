// Starts services as a command does, says where they are, and ends them when told to on its input.
import { createMasker } from '../../src/core/secrets.ts'
import type { Environment } from '../../src/core/runbook.ts'
import { startServices } from '../../src/engine/services.ts'

const { root, environment, fresh } = JSON.parse(process.argv[2] ?? '') as {
  root: string
  environment: Environment
  /** `stuck`: what must be done before comes to no end. */
  fresh: boolean | 'stuck'
}
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)
const masker = createMasker()
try {
  const running = await startServices(
    { runbook: 'demo', environment, inputs: {} },
    { pick: () => Promise.resolve({}) },
    {
      root,
      ...(fresh !== false && {
        startOver: async () => {
          say({ note: 'starts over' })
          if (fresh === 'stuck') await new Promise<never>(() => setInterval(() => {}, 1000))
        },
      }),
      masker,
      say: (text) => say({ note: text }),
      isReady: async (_, { services }) => {
        const answer = await fetch(services.app?.url ?? '').catch(() => undefined)
        return answer?.status === 200
      },
    },
  )
  say({ scope: running.scope, masked: masker.mask(running.scope.db?.url ?? '') })
  process.stdin.once('data', () => {
    void running.stop().then(() => {
      say({ stopped: true })
      process.exit(0)
    })
  })
} catch (error) {
  const { message, exit } = error as Error & { exit?: number }
  say({ error: message, exit })
}
