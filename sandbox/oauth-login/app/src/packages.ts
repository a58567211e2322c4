// Imported first: a release whose packages are not installed does not start, even where Node
// would find others of the same name further up.
import { existsSync, readFileSync } from 'node:fs'

const requirements = new URL('../requirements.txt', import.meta.url)
const names = existsSync(requirements)
  ? readFileSync(requirements, 'utf8').matchAll(/^([\w@/.-]+)==/gm)
  : []
for (const [, name = ''] of names)
  if (!existsSync(new URL(`../vendor/${name}/package.json`, import.meta.url)))
    throw new Error(`ModuleNotFoundError: No module named '${name}'`)
