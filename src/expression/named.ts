/** The constraint `named_in`: the value stands, whole, in what was approved before the task began. */
import { type DocNode, nearest, type Problems } from '../model/document.ts'
import { type ClauseParser, type ConstraintScope, TAKES, textSteps } from './clause.ts'
import { isNamed, type Names, namesIn } from './names.ts'
import { textsOf } from './reader.ts'

/**
 * `named_in: [purpose, context.contacts]`. A text or a number that is named holds; one that is not asks for an
 * approval; anything else, and a text with hidden characters, fails.
 */
export const namedIn: ClauseParser = (node, { constants, problems }) => {
  const sources = textsOf(node, problems)
  if (!sources) return undefined
  const texts: string[] = []
  let good = true
  for (const { text, node: item } of sources) {
    const found = textsIn(text, item, constants, problems)
    if (found) texts.push(...found)
    else good = false
  }
  if (!good) return undefined
  const names: Names = namesIn(texts)
  const where = sources.map(({ text }) => (text === 'purpose' ? 'the purpose' : `\`${text}\``))
  return {
    kind: 'named_in',
    describe: `is named in ${where.join(' or ')}, else an approval is needed`,
    takes: TAKES.text | TAKES.number,
    judge: (value) => isNamed(value, names),
    cost: textSteps(50, 2),
    hint: (value) =>
      isNamed(value, names) === 'asks'
        ? 'it does not stand there as a whole: an approval is needed'
        : 'only a text or a number, without hidden characters, can be named',
  }
}

function textsIn(
  source: string,
  node: DocNode,
  constants: ConstraintScope,
  problems: Problems,
): readonly string[] | undefined {
  if (source === 'purpose') return [constants.purpose]
  const lists = [...constants.context.keys()].map((name) => `context.${name}`)
  const list = source.startsWith('context.') ? constants.context.get(source.slice(8)) : undefined
  if (list) return list
  const near = nearest(source, ['purpose', ...lists])
  problems.error(
    node,
    'unknown_context',
    `\`${source}\` is neither \`purpose\` nor a list of the mandate's context`,
    near === undefined ? 'add it under `context:`' : `did you mean \`${near}\`?`,
  )
  return undefined
}
