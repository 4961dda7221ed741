/** The constraint `pattern`: a text that one RE2 expression matches from end to end. */
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
  return clause(
    'pattern',
    `matches the pattern ${listed(texts.map((item) => item.text))} from end to end`,
    TAKES.text,
    (value) => typeof value === 'string' && patterns.some((compiled) => isMatch(compiled, value)),
  )
}

/** What would take too long to find out does not match. */
function isMatch(compiled: Pattern, value: string): boolean {
  return compiled.steps(value.length) <= MAX_STEPS && compiled.matches(value)
}
