// npm run build               makes $RELEASES/$RELEASE
// npm run build -- --check    makes a release in a folder of its own and removes it
import { buildCommand } from '../../../shared/build/command.ts'
import { tickr } from './tickr.ts'

await buildCommand(tickr)
