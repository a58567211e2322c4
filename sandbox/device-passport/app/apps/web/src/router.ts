// Which page an address leads to. Pages are loaded when they are wanted.
import type { Ask } from './client.ts'

export async function render(hash: string, ask: Ask): Promise<string> {
  const [, name = '', argument = ''] = hash.split('/')
  if (name === 'scan') return (await import('./pages/scan.ts')).page(ask, argument)
  if (name === 'login') return (await import('./pages/login.ts')).page()
  return (await import('./pages/home.ts')).page(ask)
}
