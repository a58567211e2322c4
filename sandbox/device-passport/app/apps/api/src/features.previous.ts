// The features of the release before passports could be scanned.
import type { Feature } from './app.ts'
import { catalogue } from './catalogue.ts'

export const features: readonly Feature[] = [catalogue]
