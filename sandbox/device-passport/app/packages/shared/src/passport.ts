// The code on a device: DP-<maker>-<year>-<number>-<check>, as in DP-ACM-2025-00001-K.
// The last character is calculated from the others, so that a scan of a scratched
// label is refused instead of finding another device.

const LETTERS = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ'
const FORM = /^DP-([A-Z]{3})-(\d{4})-(\d{5})-([0-9A-Z])$/

export interface Passport {
  maker: string
  year: number
  number: number
}

function checkOf(text: string): string {
  let sum = 0
  for (const [i, character] of [...text].entries()) sum += (i + 1) * character.charCodeAt(0)
  return LETTERS.charAt(sum % 31)
}

/** @param maker three letters */
export function codeOf({ maker, year, number }: Passport): string {
  const text = `DP-${maker}-${year}-${String(number).padStart(5, '0')}`
  return `${text}-${checkOf(text)}`
}

/** Undefined where it is no code, or its check character is another one. */
export function readCode(code: string): Passport | undefined {
  const [, maker = '', year = '', number = '', check] = FORM.exec(code) ?? []
  if (check === undefined || check !== checkOf(code.slice(0, -2))) return undefined
  return { maker, year: Number(year), number: Number(number) }
}
