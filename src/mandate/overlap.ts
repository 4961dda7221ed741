/**
 * Finds wildcards that overlap a grant with constraints or duties: one of the two would loosen what the other
 * narrows, and a reader of the mandate would not see it.
 */
import { compileGlob, type Glob, type GlobKind, globsOverlap } from '../expression/glob.ts'
import { type Place, Problems } from '../model/document.ts'
import type { Grant } from '../model/mandate.ts'

interface Pattern {
  readonly grant: Grant
  readonly server: Glob
  readonly name: Glob
  readonly kind: GlobKind
  readonly wild: boolean
  readonly constrained: boolean
}

/** Reports every pair of grants of one kind that overlap, at least one by a wildcard and at least one constrained. */
export function refuseOverlaps(grants: readonly Grant[], problems: Problems): void {
  const patterns = grants.map(patternOf).filter((pattern) => pattern !== undefined)
  patterns.forEach((wide, index) => {
    if (!wide.wild) return
    patterns.forEach((other, at) => {
      // Two wildcards meet twice in this walk; they are compared once.
      if (other === wide || (other.wild && at > index)) return
      if (overlap(wide, other)) report(wide, other, problems)
    })
  })
}

function patternOf(grant: Grant): Pattern | undefined {
  const place = grant.place
  const kind = grant.kind === 'resource' ? 'uri' : 'tool'
  const server = compileGlob({ text: grant.server, place }, 'server', new Problems())
  const name = compileGlob({ text: grant.name, place }, kind, new Problems())
  if (!server || !name) return undefined
  const narrow = grant.args.size > 0 || grant.otherArgs === 'refuse'
  const constrained = narrow || grant.when !== undefined || grant.approval !== undefined
  return { grant, server, name, kind, constrained, wild: !(server.literal && name.literal) }
}

function overlap(a: Pattern, b: Pattern): boolean {
  if (a.grant.kind !== b.grant.kind || !(a.constrained || b.constrained)) return false
  return meet(a.server, b.server, 'server') && meet(a.name, b.name, a.kind)
}

function meet(a: Glob, b: Glob, kind: GlobKind): boolean {
  if (a.literal) return b.matches(a.source)
  if (b.literal) return a.matches(b.source)
  return globsOverlap(a.source, b.source, kind)
}

/** Blames the wildcard, the unconstrained one where both are. */
function report(a: Pattern, b: Pattern, problems: Problems): void {
  const blamed = b.wild && !b.constrained ? b : a
  const other = (blamed === a ? b : a).grant
  problems.error(
    blamed.grant,
    'wildcard_overlap',
    `the wildcard \`${blamed.grant.rule}\` overlaps \`${other.rule}\` at ${placeText(other.place)}, and their constraints would mix`,
    'narrow the wildcard, or name each tool in full',
  )
}

function placeText(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`
}
