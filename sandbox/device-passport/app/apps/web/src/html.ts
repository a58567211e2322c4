// Text for a page: what comes from outside is text, never markup.
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escape = (text: unknown): string =>
  String(text ?? '').replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
