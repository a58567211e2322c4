// The rules that this code relies on; see ../../../shared/build/lint.ts.
import { join } from 'node:path'
import { lint } from '../../../shared/build/lint.ts'

lint(join(import.meta.dirname, '..'), [
  'apps/api/src',
  'apps/api/scripts',
  'apps/web/src',
  'apps/web/server',
  'packages/shared/src',
])
