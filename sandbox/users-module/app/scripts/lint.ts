import { join } from 'node:path'
import { lint } from '../../../shared/build/lint.ts'

lint(join(import.meta.dirname, '..'), ['src', 'scripts', 'test'])
