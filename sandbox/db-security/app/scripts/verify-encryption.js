// Opens every sealed value and compares it with the plain text while that is
// there. Counts only: no value is printed.
import { COLUMNS, batchAfter, opened, withWorld } from './columns.js'

await withWorld(async (world) => {
  const told = { users: 0, opened: 0, differing: 0, not_opened: 0, unsealed: 0 }
  for (let after = ''; ;) {
    const rows = await batchAfter(world, after)
    for (const row of rows) {
      for (const column of COLUMNS) {
        const [plain, sealed] = [row[column], row[`encrypted_${column}`]]
        if (sealed == null) {
          if (plain != null) told.unsealed++
          continue
        }
        const text = opened(world, row, column)
        if (text === undefined) told.not_opened++
        else if (plain != null && plain !== text) told.differing++
        else told.opened++
      }
    }
    told.users += rows.length
    const last = rows.at(-1)
    if (last === undefined) return told
    after = last.id
  }
})
