// What the API reaches from where it runs, with what it was given there: run within
// its container, `node apps/api/src/self-check.js`. The answer is JSON.
import { openDatabase } from '../../../../../shared/kit/database.ts'
import { readConfig } from './config.ts'
import { memoryStore, redisStore } from './store.ts'

const config = readConfig(process.env)
const db = openDatabase(config.databaseUrl, () => undefined)
const { redis } = config
const store =
  redis === undefined
    ? memoryStore(() => new Date())
    : await redisStore(redis, (reason) => process.stderr.write(`redis: ${reason}\n`))
try {
  const [row] = await db.query<{ role: string; users: number }>(
    'SELECT current_user AS role, (SELECT count(*) FROM users) AS users',
  )
  process.stdout.write(JSON.stringify({ ...row, redis: await store.state() }) + '\n')
} finally {
  await Promise.all([db.end(), store.end()])
}
