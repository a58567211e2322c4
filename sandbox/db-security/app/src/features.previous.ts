// The features of the release before: confidential values in plain text, no tracking.
import { accounts } from './accounts/feature.ts'
import { plainColumns } from './accounts/plain.ts'
import { noTracking } from './accounts/tracking.ts'
import type { Feature } from './app.ts'
import { vault } from './core/vault.ts'

export const features: readonly Feature[] = [accounts(plainColumns, noTracking), vault]
