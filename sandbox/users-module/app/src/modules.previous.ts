// The modules of the release before the users module.
import type { Route } from '../../../shared/kit/http.ts'
import type { App } from './app.ts'
import { directoryRoutes } from './directory.ts'

export const modules: readonly ((app: App) => Route[])[] = [directoryRoutes]
