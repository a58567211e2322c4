// Signed words for one purpose and a while: sessions, the ticket between two
// factors, the way to a new password. Nothing of them is kept.
import { makeSigner } from '../../../../shared/kit/tokens.ts'

export interface Tokens {
  sign(purpose: string, subject: string, minutes: number): Promise<string>
  /** The subject; refused when it is not ours, for something else, or too old. */
  read(purpose: string, token: string): Promise<string>
}

export function makeTokens(secret: string, now: () => Date): Tokens {
  const signer = makeSigner('lockr', secret, now)
  return {
    sign(purpose, subject, minutes) {
      const from = now()
      return signer.sign(purpose, subject, {}, from, new Date(from.getTime() + minutes * 60_000))
    },
    read: async (purpose, token) => String((await signer.read(purpose, token))['sub']),
  }
}
