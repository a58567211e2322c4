// The own profile.
import type { Route } from '../../../shared/kit/http.ts'
import { caller } from './access.ts'
import type { App } from './app.ts'
import { shown } from './profile.ts'

export const meRoutes = (app: App): Route[] => [
  {
    method: 'GET',
    path: '/api/users/me',
    handle: async (call) => ({ status: 200, json: shown(await caller(app, call)) }),
  },
]
