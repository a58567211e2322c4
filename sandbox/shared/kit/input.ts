// Input from outside: each field is taken out by name, with its type and bounds.
import { Refusal } from './http.ts'

export type Fields = Readonly<Record<string, unknown>>

/** The body as an object that has no field but these. */
export function fields(body: unknown, allowed: readonly string[]): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(400, 'a JSON object is needed')
  for (const name of Object.keys(body)) {
    if (!allowed.includes(name)) throw new Refusal(400, `unknown field ${name.slice(0, 40)}`)
  }
  return body as Fields
}

export function text(from: Fields, name: string, longest = 200): string {
  const value = from[name]
  if (typeof value !== 'string' || value === '') throw new Refusal(400, `${name} must be text`)
  if (value.length > longest) throw new Refusal(400, `${name} has more than ${longest} characters`)
  // A NUL cannot be stored by PostgreSQL and would surface as a 500.
  if (value.includes('\0')) throw new Refusal(400, `${name} holds a NUL`)
  return value
}

export function optionalText(from: Fields, name: string, longest = 200): string | undefined {
  return from[name] === undefined ? undefined : text(from, name, longest)
}

/** An identifier that a client may choose, so that a repeated request makes one object and not two. */
export function optionalId(from: Fields, name: string): string | undefined {
  const value = optionalText(from, name, 100)
  if (value !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(value)) {
    throw new Refusal(400, `${name} may have letters, digits and . _ : - only`)
  }
  return value
}

export function oneOf<T extends string>(from: Fields, name: string, values: readonly T[]): T {
  const value = text(from, name)
  const found = values.find((v) => v === value)
  if (found === undefined) throw new Refusal(400, `${name} must be one of ${values.join(', ')}`)
  return found
}

export function email(from: Fields, name: string): string {
  const value = text(from, name, 254)
  if (!/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/.test(value))
    throw new Refusal(400, `${name} is not an e-mail address`)
  return value.toLowerCase()
}

export function wholeParam(
  query: URLSearchParams,
  name: string,
  fallback: number,
  from: number,
  to: number,
): number {
  const given = query.get(name)
  if (given === null) return fallback
  if (!/^\d{1,9}$/.test(given)) throw new Refusal(400, `${name} must be a whole number`)
  const value = Number(given)
  if (value < from || value > to) throw new Refusal(400, `${name} must be from ${from} to ${to}`)
  return value
}

export function flagParam(query: URLSearchParams, name: string): boolean {
  const given = query.get(name)
  if (given === null || given === 'false') return false
  if (given === 'true') return true
  throw new Refusal(400, `${name} must be true or false`)
}
