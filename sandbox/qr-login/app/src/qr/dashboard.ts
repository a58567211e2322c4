// The administrator's page. Every value that came from a person is escaped, and
// the script is a file of its own, so that the page needs no inline script.
import { escapeHtml } from '../../../../shared/kit/http.ts'
import type { Stats, TokenRow } from './tokens.ts'

export interface View {
  hotelId: string
  page: number
  pageSize: number
  total: number
  tokens: readonly TokenRow[]
  stats: Stats
}

function state(token: TokenRow): string {
  if (token.revokedAt !== null) return 'revoked'
  return token.isUsed ? 'used' : 'open'
}

function row(token: TokenRow): string {
  const cells = [
    token.id,
    token.userId,
    token.role,
    state(token),
    token.createdBy,
    token.createdAt.toISOString(),
    token.expiresAt.toISOString(),
  ]
  return `<tr>${cells.map((c) => `<td>${escapeHtml(c)}</td>`).join('')}</tr>`
}

function card(name: string, value: number): string {
  return `<div class="card" data-stat="${name}"><b>${value}</b> ${name}</div>`
}

export function dashboardPage(view: View): string {
  const pages = Math.max(1, Math.ceil(view.total / view.pageSize))
  const link = (page: number, label: string): string =>
    page < 1 || page > pages
      ? `<span>${label}</span>`
      : `<a href="?hotelId=${encodeURIComponent(view.hotelId)}&amp;pageSize=${view.pageSize}&amp;page=${page}">${label}</a>`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>QR Code Management</title></head>
<body>
<h1>QR Code Management</h1>
<p>Hotel ${escapeHtml(view.hotelId)}</p>
<section id="statistics">${Object.entries(view.stats)
    .map(([name, value]) => card(name, Number(value)))
    .join('')}</section>
<form id="generate" data-hotel="${escapeHtml(view.hotelId)}">
<label>User <input name="userId" required></label>
<select name="role"><option>guest</option><option>staff</option></select>
<button type="submit">Generate</button><output></output>
</form>
<table id="tokens"><thead><tr><th>Token</th><th>User</th><th>Role</th><th>State</th><th>By</th><th>Made</th><th>Expires</th></tr></thead>
<tbody>${view.tokens.map(row).join('')}</tbody></table>
<nav id="pagination">${link(view.page - 1, 'Previous')} <span>Page ${view.page} of ${pages}</span> ${link(view.page + 1, 'Next')}</nav>
<script src="/dashboard/admin/qr.js"></script>
</body></html>
`
}

export const dashboardScript = `const form = document.getElementById('generate');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const data = new FormData(form);
  const answer = await fetch('/api/qr/generate', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hotelId: form.dataset.hotel, userId: data.get('userId'), role: data.get('role') }),
  });
  const result = await answer.json();
  form.querySelector('output').textContent = answer.ok ? 'Made ' + result.id : result.error;
});
`
