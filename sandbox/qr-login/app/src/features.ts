// The features of this release, in the order in which their routes are tried.
import type { Feature } from './app.ts'
import { chat } from './core/chat.ts'
import { users } from './core/users.ts'
import { qr } from './qr/feature.ts'

export const features: readonly Feature[] = [users, chat, qr]
