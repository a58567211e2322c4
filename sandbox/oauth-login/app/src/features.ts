// The features of this release.
import { adminRoutes } from './admin.ts'
import type { Feature } from './app.ts'
import { loginRoutes } from './login.ts'
import { meRoutes } from './me.ts'

export const features: readonly Feature[] = [loginRoutes, meRoutes, adminRoutes]
