// The features of this release, in the order in which their routes are tried.
import { accounts } from './accounts/feature.ts'
import type { Feature } from './app.ts'
import { vault } from './core/vault.ts'
import { security } from './security/feature.ts'
import { sealedColumns } from './security/sealed.ts'
import { tracking } from './security/tracking.ts'

export const features: readonly Feature[] = [accounts(sealedColumns, tracking), vault, security]
