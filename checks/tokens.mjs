// Looks into a token. What is returned has names and figures, never the token.

/** @param {string | undefined} part @returns {Record<string, unknown>} */
function decoded(part = '') {
  /** @type {unknown} */
  let value
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null) throw new Error('it is no JSON Web Token')
  return /** @type {Record<string, unknown>} */ (value)
}

/** @param {{ token: string, claims: string }} args */
function judge({ token, claims }) {
  const parts = token
    .trim()
    .replace(/^Bearer /i, '')
    .split('.')
  if (parts.length !== 3) throw new Error('it is no JSON Web Token')
  const head = decoded(parts[0])
  const body = decoded(parts[1])
  const { exp, iat } = body
  const both = typeof exp === 'number' && typeof iat === 'number'
  const missing = claims
    .split(/\s+/)
    .filter((claim) => claim !== '')
    .filter((claim) => {
      const [, name = '', equals, wanted] = /^([^=]+)(=)?(.*)$/.exec(claim) ?? []
      if (!Object.hasOwn(body, name)) return true
      const value = body[name]
      return (
        equals !== undefined &&
        (typeof value === 'string' ? value : JSON.stringify(value)) !== wanted
      )
    })
  return {
    signed: parts[2] !== '' && String(head['alg']).toLowerCase() !== 'none',
    expires: both,
    lifetime_s: both ? exp - iat : 0,
    left_s: both ? Math.floor(exp - Date.now() / 1000) : 0,
    missing,
  }
}

/** @param {{ token: string, claims: string }} args */
export default (args) => {
  try {
    return judge(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
