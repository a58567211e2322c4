// What this copy of the API is.
import { type Release as Built, readRelease } from '../../../../../shared/kit/release.ts'

/** Tables without which a release is not healthy. */
export type Release = Built<{ tables: readonly string[] }>

export const release: Release = readRelease(new URL('../../../release.json', import.meta.url), {
  tables: ['users', 'devices'],
})
