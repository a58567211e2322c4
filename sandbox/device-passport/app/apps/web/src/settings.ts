// What the build was told. It is written into the bundle: changing it later changes nothing.
export interface Settings {
  apiUrl: string
  socketUrl: string
  name: string
  version: string
}

declare global {
  interface ImportMeta {
    env?: Record<string, string | undefined>
  }
}

export function readSettings(env: Record<string, string | undefined>): Settings {
  return {
    apiUrl: env['VITE_API_URL'] ?? '/api/v1',
    socketUrl: env['VITE_WS_URL'] ?? '',
    name: env['VITE_APP_NAME'] ?? 'Device Passport System',
    version: env['VITE_APP_VERSION'] ?? 'source',
  }
}
