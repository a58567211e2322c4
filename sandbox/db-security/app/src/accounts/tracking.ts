// What a release does when somebody logs in or fails to.
import type { App } from '../app.ts'

export interface Tracking {
  locked(app: App, user: string): Promise<boolean>
  succeeded(app: App, user: string): Promise<void>
  failed(app: App, user: string): Promise<void>
}

export const noTracking: Tracking = {
  locked: () => Promise.resolve(false),
  succeeded: () => Promise.resolve(),
  failed: () => Promise.resolve(),
}
