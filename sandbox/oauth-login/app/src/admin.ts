// What administrators do: see the users, give one a localId, change a role.
import { type Call, Refusal, type Reply, type Route } from '../../../shared/kit/http.ts'
import { z } from 'zod'
import { administrator } from './access.ts'
import type { App } from './app.ts'
import { COLUMNS, type User, shown } from './profile.ts'

export const ROLES = ['admin', 'analyst', 'doctor', 'guest', 'nurse', 'pharmacist', 'user'] as const

const id = z.uuid()
export const localIdBody = z.strictObject({
  localId: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,50}$/)
    .nullable(),
})
export const roleBody = z.strictObject({ role: z.enum(ROLES) })

/** The body as it must be; refuses with 422 as FastAPI does, and says which field is wrong. */
export function given<T>(schema: z.ZodType<T>, body: unknown): T {
  const read = schema.safeParse(body)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new Refusal(422, `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
}

export function adminRoutes(app: App): Route[] {
  const { db, logger } = app
  const log = logger('app.admin')

  async function list(): Promise<Reply> {
    const users = await db.query<User>(`SELECT ${COLUMNS} FROM users ORDER BY email`)
    return { status: 200, json: users.map(shown) }
  }

  async function change(call: Call, column: 'role' | '"localId"', value: unknown): Promise<Reply> {
    if (!id.safeParse(call.params['id']).success) throw new Refusal(404, 'no such user')
    const [user] = await db.query<User>(
      column === 'role'
        ? `UPDATE users SET role = $2 WHERE id = $1 RETURNING ${COLUMNS}`
        : `UPDATE users SET "localId" = $2 WHERE id = $1 RETURNING ${COLUMNS}`,
      [call.params['id'], value],
    )
    if (user === undefined) throw new Refusal(404, 'no such user')
    log('info', `admin changed ${column.replaceAll('"', '')}`, { user: user.id })
    return { status: 200, json: { message: 'updated', user: shown(user) } }
  }

  /** For administrators only; what goes wrong inside is told under this part's name. */
  const guarded = ({ handle, ...route }: Route): Route => ({
    ...route,
    async handle(call) {
      try {
        await administrator(app, call)
        return await handle(call)
      } catch (error) {
        if (!(error instanceof Refusal))
          log('error', `admin ${call.method} ${route.path} failed`, {
            reason: (error as Error).message,
          })
        throw error
      }
    },
  })

  const routes: Route[] = [
    { method: 'GET', path: '/api/users', handle: list },
    {
      method: 'PUT',
      path: '/api/users/:id/localId',
      handle: (call) => change(call, '"localId"', given(localIdBody, call.body).localId),
    },
    {
      method: 'PUT',
      path: '/api/users/:id/role',
      handle: (call) => change(call, 'role', given(roleBody, call.body).role),
    },
  ]
  return routes.map(guarded)
}
