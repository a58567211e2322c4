// node scripts/verify-release.ts FOLDER: what is in a release folder, as JSON.
import { verifyCommand } from '../../../shared/build/command.ts'

verifyCommand()
