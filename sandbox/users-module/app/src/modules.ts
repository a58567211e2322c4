// The modules of this release.
import type { Route } from '../../../shared/kit/http.ts'
import type { App } from './app.ts'
import { authRoutes } from './auth.ts'
import { directoryRoutes } from './directory.ts'

export const modules: readonly ((app: App) => Route[])[] = [authRoutes, directoryRoutes]
