// Seals what is in plain text, a batch of users in a transaction of its own. What
// is sealed already, and opens to the same text, stays; so it may be run again,
// also after the previous release has served for a while and changed a value.
import { COLUMNS, batchAfter, opened, withWorld } from './columns.js'

await withWorld(async (world) => {
  const { client, cipher } = world
  let [users, sealed] = [0, 0]
  for (let after = ''; ;) {
    await client.query('BEGIN')
    const rows = await batchAfter(world, after, 'FOR UPDATE')
    for (const row of rows) {
      for (const column of COLUMNS) {
        const plain = row[column]
        if (plain == null || opened(world, row, column) === plain) continue
        const text = cipher.seal(column, row.id, plain)
        if (cipher.open(column, row.id, text) !== plain) throw new Error('sealing does not open')
        await client.query(`UPDATE users SET encrypted_${column} = $2 WHERE id = $1`, [
          row.id,
          text,
        ])
        sealed++
      }
    }
    await client.query('COMMIT')
    users += rows.length
    const last = rows.at(-1)
    if (last === undefined) return { users, sealed }
    after = last.id
  }
})
