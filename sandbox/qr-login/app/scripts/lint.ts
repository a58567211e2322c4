// The rules that this code relies on; see ../../../shared/build/lint.ts.
import { join } from 'node:path'
import { lint } from '../../../shared/build/lint.ts'

lint(join(import.meta.dirname, '..'), ['src', 'prisma'])
