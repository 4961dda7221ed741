/** The constraint `pattern`: a text that one RE2 expression matches from end to end. */
import type { Json } from '../model/json.ts'
import { clause, type ClauseParser, TAKES } from './clause.ts'
import { listed, textsOf } from './reader.ts'
import { compilePattern, type Pattern } from './regex.ts'
import { MAX_STEPS } from './run.ts'

export const pattern: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const patterns: Pattern[] = []
  for (const { text, node: item } of texts) {
    const compiled = compilePattern(text)
    if ('problem' in compiled)
      problems.error(
        item,
        'invalid_pattern',
        `pattern \`${text}\` does not compile: ${compiled.problem}`,
        'write it in RE2 syntax: no look-around, no back-references',
      )
    else patterns.push(compiled)
  }
  if (patterns.length < texts.length) return undefined
  const describe = `matches the pattern ${listed(texts.map((item) => item.text))} from end to end`
  const holds = (value: Json): boolean =>
    typeof value === 'string' && patterns.some((compiled) => isMatch(compiled, value))
  const cost = (value: Json): number =>
    typeof value === 'string' ? patterns.reduce((sum, one) => sum + one.steps(value.length), 0) : 0
  return { ...clause('pattern', describe, TAKES.text, holds), cost }
}

/** What would take too long to find out does not match. */
function isMatch(compiled: Pattern, value: string): boolean {
  return compiled.steps(value.length) <= MAX_STEPS && compiled.matches(value)
}
