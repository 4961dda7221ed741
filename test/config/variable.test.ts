import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expand } from '../../src/config/variable.ts'
import { Problems } from '../../src/model/document.ts'

const at = { place: { file: 'mcp.json', line: 1, column: 1 } }

function expanded(text: string, env: Record<string, string> = {}): string | readonly string[] {
  const problems = new Problems()
  return expand(text, at, env, problems) ?? problems.list.map(({ id }) => id)
}

test('what a variable holds is never expanded again', () => {
  expect(expanded('${A}', { A: '${B}', B: 'secret' })).toBe('${B}')
  expect(expanded('${A:-$}{B}', { B: 'secret' })).toBe('${B}')
  expect(expanded('$${A}', { A: 'x' })).toBe('$x')
})

test('text without variables stays as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes('${'))
      expect(expanded(text)).toBe(text)
    }),
  )
})

test('values go in as they are, whatever they hold', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (before, value, after) => {
      fc.pre(!`${before}${after}`.includes('$'))
      expect(expanded(`${before}\${env:A}${after}`, { A: value })).toBe(`${before}${value}${after}`)
    }),
  )
})

test('every variable that is wrong is reported, not only the first', () => {
  expect(expanded('${A} ${input:b} ${workspaceFolder} ${C')).toEqual([
    'unset_variable',
    'input_variable',
    'unknown_variable',
    'variable_syntax',
  ])
})

test('a name from the prototype of every object is an unset variable', () => {
  expect(expanded('${toString}')).toEqual(['unset_variable'])
  expect(expanded('${constructor}')).toEqual(['unset_variable'])
})
