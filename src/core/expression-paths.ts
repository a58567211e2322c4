/** What an expression looks at: the paths in its syntax tree, such as `steps.before.release`. */

/** As much of a CEL syntax node as is read here. */
export interface Node {
  op: string
  args: unknown
  start: number
  end: number
}

export interface Path {
  segments: (string | number)[]
  /** One node for each segment, the last one being the whole path. */
  nodes: Node[]
  /** The argument of `has(…)`: it is allowed to be missing. */
  asked: boolean
}

/** A name behind an index that is calculated: `release` in `steps.before[host.name].release`. */
export interface Indexed {
  /** The path that the index stands behind. */
  segments: (string | number)[]
  name: string
  /** The whole of it, and its part without the name. */
  node: Node
  map: Node
  /** As of a path. */
  asked: boolean
}

/** Every name behind an index that only the calculation knows. */
export function indexedIn(root: Node): Indexed[] {
  const asked = new Set<unknown>()
  const found: Indexed[] = []
  for (const node of walk(root)) {
    if (node.op === 'call') {
      const [name, args] = node.args as [string, Node[]]
      if (name === 'has') asked.add(args[0])
    }
    if (node.op !== '.') continue
    const [map, name] = node.args as [Node, string]
    if (map.op !== '[]') continue
    const [base, index] = map.args as [Node, unknown]
    const path = literal(index) === undefined ? pathOf(base) : undefined
    if (path !== undefined)
      found.push({ segments: path.segments, name, node, map, asked: asked.has(node) })
  }
  return found
}

const MACROS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).op === 'string'
}

/** Every node of a tree, the root first. */
export function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item)
  else if (isNode(value)) {
    yield value
    yield* walk(value.args)
  }
}

/** The constant of a literal node; undefined for any other node. */
export function literal(node: unknown): unknown {
  return isNode(node) && node.op === 'value' ? node.args : undefined
}

/**
 * The longest paths that start at a variable of the scope. Variables that a macro binds
 * (`rows.all(row, row.n > 0)`) belong to the expression, not to the scope.
 */
export function pathsIn(root: unknown): Path[] {
  const found: Path[] = []
  visit(root, new Set(), false, found)
  return found
}

function visit(value: unknown, bound: ReadonlySet<string>, asked: boolean, found: Path[]): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, bound, asked, found)
    return
  }
  if (!isNode(value)) return
  const path = pathOf(value)
  if (path !== undefined) {
    if (!bound.has(String(path.segments[0]))) found.push({ ...path, asked })
    return
  }
  switch (value.op) {
    case 'id':
    case 'value':
      return
    case '.':
    case '[]':
      visitAccess(value, bound, asked, found)
      return
    case 'rcall':
      visitMethod(value.args as [string, Node, Node[]], bound, asked, found)
      return
    case 'call': {
      const [name, args] = value.args as [string, Node[]]
      visit(args, bound, name === 'has', found)
      return
    }
    default:
      visit(value.args, bound, asked, found)
  }
}

/** `a[i].b`: what can be named of it is `a`, and whatever the index looks at. */
function visitAccess(node: Node, bound: ReadonlySet<string>, asked: boolean, found: Path[]): void {
  const [left, right] = node.args as [Node, unknown]
  visit(left, bound, asked, found)
  if (node.op === '[]') visit(right, bound, asked, found)
}

function visitMethod(
  [name, receiver, args]: [string, Node, Node[]],
  bound: ReadonlySet<string>,
  asked: boolean,
  found: Path[],
): void {
  const variable = args[0]
  const isBind = name === 'bind' && receiver.op === 'id' && receiver.args === 'cel'
  if (!isBind) visit(receiver, bound, asked, found)
  if ((isBind || MACROS.has(name)) && variable?.op === 'id' && args.length > 1) {
    visit(args.slice(1), new Set([...bound, String(variable.args)]), asked, found)
  } else visit(args, bound, asked, found)
}

function pathOf(node: Node): Omit<Path, 'asked'> | undefined {
  if (node.op === 'id') return { segments: [String(node.args)], nodes: [node] }
  if (node.op !== '.' && node.op !== '[]') return undefined
  const [left, right] = node.args as [Node, unknown]
  const segment = node.op === '.' ? right : literal(right)
  const key = typeof segment === 'bigint' ? Number(segment) : segment
  if (typeof key !== 'string' && typeof key !== 'number') return undefined
  const before = pathOf(left)
  if (before === undefined) return undefined
  return { segments: [...before.segments, key], nodes: [...before.nodes, node] }
}

/** A path as a person writes it: `rows[0].count`, `headers["x-id"]`. */
export function pathText(segments: readonly (string | number)[]): string {
  return segments
    .map((s, i) => {
      if (i === 0) return String(s)
      if (typeof s === 'number') return `[${s}]`
      return /^[A-Za-z_]\w*$/.test(s) ? `.${s}` : `[${JSON.stringify(s)}]`
    })
    .join('')
}
