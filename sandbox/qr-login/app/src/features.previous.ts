// The features of the release before the QR login. The build of that release
// takes this file in the place of features.ts.
import type { Feature } from './app.ts'
import { chat } from './core/chat.ts'
import { users } from './core/users.ts'

export const features: readonly Feature[] = [users, chat]
