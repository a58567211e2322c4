// pnpm build               makes $RELEASES/$RELEASE
// pnpm build -- --check    makes a release in a folder of its own and removes it
import { buildCommand } from '../../../shared/build/command.ts'
import { passport } from './passport.ts'

await buildCommand(passport)
