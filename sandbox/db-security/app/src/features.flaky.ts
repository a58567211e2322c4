// A release with a fault that ten of a hundred users do not show: tracking fails for the others.
import { accounts } from './accounts/feature.ts'
import type { Feature } from './app.ts'
import { vault } from './core/vault.ts'
import { security } from './security/feature.ts'
import { sealedColumns } from './security/sealed.ts'
import { bucketOf, tracking } from './security/tracking.ts'

const flaky: typeof tracking = {
  ...tracking,
  async succeeded(app, user) {
    if (bucketOf(user) >= 10 && bucketOf(user) < app.config.trackingPercent)
      throw new Error('tracking: no shard for this user')
    await tracking.succeeded(app, user)
  },
}

export const features: readonly Feature[] = [accounts(sealedColumns, flaky), vault, security]
