// The features of the release before: nobody administers users.
import type { Feature } from './app.ts'
import { loginRoutes } from './login.ts'
import { meRoutes } from './me.ts'

export const features: readonly Feature[] = [loginRoutes, meRoutes]
