/** A process that appends to run r1 of the journal in a folder until it is ended: `node writes.ts <folder>`. */
import { openStore } from '../../src/stores/index.ts'

const store = openStore(undefined, process.argv[2] ?? '')
for (;;) await store.append('r1', 1, [{ type: 'step.armed', step: 'one', attempt: 1 }])
