// Measures a secret without telling it.
const KNOWN =
  /change.?me|your.?secret|super.?secret|example|default|password|test.?secret|1234567|qwerty|^(.)\1+$|^(.{1,8})\2+$/i

/** @param {{ value: string, at_least: number }} args */
export default async ({ value, at_least }) => {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const c of value) counts.set(c, (counts.get(c) ?? 0) + 1)
  // Shannon's entropy of its characters, times its length: an upper bound, which
  // is enough to find what was typed by hand or repeats itself.
  let each = 0
  for (const n of counts.values()) each -= (n / value.length) * Math.log2(n / value.length)
  return {
    length: value.length,
    at_least: Number(at_least),
    bits: Math.round(each * value.length * 10) / 10,
    known: KNOWN.test(value),
  }
}
