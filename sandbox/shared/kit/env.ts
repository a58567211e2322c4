// What a server is told from outside, with types. Everything is read once, at
// start, so that a wrong value stops the start and not the hundredth request. A
// message names the variable and never its value.

export type Environment = Readonly<Record<string, string | undefined>>

export interface Reader {
  text(name: string, fallback?: string): string
  /** At least so many characters; 32 when left out. */
  secret(name: string, shortest?: number): string
  whole(name: string, fallback: number, from: number, to: number): number
  oneOf<T extends string>(name: string, values: readonly T[], fallback?: T): T
  flag(name: string, fallback: boolean): boolean
  url(name: string, fallback?: string): string
  /** Parted by commas; empty when it is not set. */
  list(name: string): string[]
}

export function reader(env: Environment): Reader {
  const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  function needed(name: string, fallback?: string): string {
    const value = given(name) ?? fallback
    if (value === undefined) throw new Error(`${name} is not set`)
    return value
  }
  return {
    text: needed,
    secret(name, shortest = 32) {
      const value = needed(name)
      if (value.length < shortest)
        throw new Error(`${name} must have at least ${shortest} characters`)
      return value
    },
    whole(name, fallback, from, to) {
      const text = given(name)
      if (text === undefined) return fallback
      const value = Number(text)
      if (!Number.isInteger(value) || value < from || value > to)
        throw new Error(`${name} must be a whole number from ${from} to ${to}`)
      return value
    },
    oneOf(name, values, fallback) {
      const value = needed(name, fallback)
      const found = values.find((one) => one === value)
      if (found === undefined) throw new Error(`${name} must be one of ${values.join(', ')}`)
      return found
    },
    flag(name, fallback) {
      const value = given(name)
      if (value === undefined) return fallback
      if (value !== 'true' && value !== 'false') throw new Error(`${name} must be true or false`)
      return value === 'true'
    },
    url(name, fallback) {
      const value = needed(name, fallback)
      if (!URL.canParse(value)) throw new Error(`${name} must be a URL`)
      return value
    },
    list: (name) =>
      (given(name) ?? '')
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
  }
}
