// The routes of the QR code login.
import type { Feature } from '../app.ts'
import { Refusal } from '../../../../shared/kit/http.ts'
import {
  fields,
  flagParam,
  oneOf,
  optionalId,
  text,
  wholeParam,
} from '../../../../shared/kit/input.ts'
import { makeLimiter } from '../../../../shared/kit/limits.ts'
import { dashboardPage, dashboardScript } from './dashboard.ts'
import { activeTokens, byId, generate, list, purge, revoke, stats, validate } from './tokens.ts'

function hotelParam(query: URLSearchParams): string {
  const hotelId = query.get('hotelId') ?? ''
  if (hotelId === '' || hotelId.length > 100 || hotelId.includes('\0'))
    throw new Refusal(400, 'hotelId is needed')
  return hotelId
}

export const qr: Feature = {
  name: 'qr',
  activeTokens,
  routes(app) {
    const scans = makeLimiter(120, 60_000)
    return [
      {
        method: 'POST',
        path: '/api/qr/generate',
        async handle(call) {
          const caller = await app.identity.caller(call)
          await app.identity.need(caller, 'qr.tokens.generate')
          const given = fields(call.body, ['id', 'hotelId', 'userId', 'role'])
          const made = await generate(app, caller, {
            id: optionalId(given, 'id'),
            hotelId: text(given, 'hotelId', 100),
            userId: text(given, 'userId', 100),
            role: oneOf(given, 'role', ['guest', 'staff']),
          })
          return { status: 201, json: made, headers: { 'cache-control': 'no-store' } }
        },
      },
      {
        method: 'POST',
        path: '/api/qr/validate',
        async handle(call) {
          // A scanner has no credential yet, so this is where guessing would happen.
          if (!scans.take(call.headers['x-forwarded-for'] ?? 'direct'))
            throw new Refusal(429, 'too many attempts; wait a minute')
          const given = fields(call.body, ['token', 'hotelId', 'requestId'])
          const { session, row, permissions } = await validate(
            app,
            text(given, 'token', 4_096),
            text(given, 'hotelId', 100),
            optionalId(given, 'requestId'),
          )
          return {
            status: 200,
            json: {
              session,
              tokenId: row.id,
              userId: row.userId,
              hotelId: row.hotelId,
              role: row.role,
              permissions,
            },
            headers: { 'cache-control': 'no-store' },
          }
        },
      },
      {
        method: 'GET',
        path: '/api/qr/tokens',
        async handle(call) {
          await app.identity.need(await app.identity.caller(call), 'qr.tokens.list')
          const hotelId = hotelParam(call.query)
          const page = wholeParam(call.query, 'page', 1, 1, 1_000_000)
          const pageSize = wholeParam(call.query, 'pageSize', 20, 1, 100)
          const withStats = flagParam(call.query, 'stats')
          const { tokens, total } = await list(app, hotelId, page, pageSize)
          return {
            status: 200,
            json: {
              tokens,
              page,
              pageSize,
              total,
              pages: Math.ceil(total / pageSize),
              ...(withStats ? { stats: await stats(app, hotelId) } : {}),
            },
          }
        },
      },
      {
        method: 'GET',
        path: '/api/qr/tokens/:id',
        async handle(call) {
          await app.identity.need(await app.identity.caller(call), 'qr.tokens.list')
          return { status: 200, json: await byId(app, call.params['id'] ?? '') }
        },
      },
      {
        method: 'DELETE',
        path: '/api/qr/tokens/:id',
        async handle(call) {
          const caller = await app.identity.caller(call)
          await app.identity.need(caller, 'qr.tokens.revoke')
          const id = call.params['id'] ?? ''
          if (flagParam(call.query, 'purge')) {
            await purge(app, id)
            return { status: 200, json: { purged: id } }
          }
          const row = await revoke(app, caller, id)
          return { status: 200, json: { message: 'revoked', ...row } }
        },
      },
      {
        method: 'GET',
        path: '/dashboard/admin/qr',
        async handle(call) {
          await app.identity.need(await app.identity.caller(call), 'qr.tokens.list')
          const hotelId = call.query.get('hotelId') === null ? 'hotel-1' : hotelParam(call.query)
          const page = wholeParam(call.query, 'page', 1, 1, 1_000_000)
          const pageSize = wholeParam(call.query, 'pageSize', 20, 1, 100)
          const { tokens, total } = await list(app, hotelId, page, pageSize)
          const html = dashboardPage({
            hotelId,
            page,
            pageSize,
            total,
            tokens,
            stats: await stats(app, hotelId),
          })
          return { status: 200, text: html, type: 'text/html; charset=utf-8' }
        },
      },
      {
        method: 'GET',
        path: '/dashboard/admin/qr.js',
        handle: () =>
          Promise.resolve({
            status: 200,
            text: dashboardScript,
            type: 'text/javascript; charset=utf-8',
          }),
      },
    ]
  },
}
