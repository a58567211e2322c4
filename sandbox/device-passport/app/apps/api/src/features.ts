// The features of this release.
import type { Feature } from './app.ts'
import { auth } from './auth.ts'
import { catalogue } from './catalogue.ts'
import { devices } from './devices.ts'
import { scan } from './scan.ts'
import { users } from './users.ts'

export const features: readonly Feature[] = [catalogue, auth, users, devices, scan]
