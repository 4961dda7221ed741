/**
 * The guided tour: three servers from npm, the real guard process in front of them over stdio, a real MCP client.
 * It checks everything that it shows and fails when anything differs.
 */
import { rmSync } from 'node:fs'
import { guardProgram } from '../guard-line.ts'
import { Report } from '../report.ts'
import { CHAPTERS } from './chapters.ts'
import { enter, type Scene } from './scene.ts'
import { makeWorkplace } from './workplace.ts'

/** Far more than the tour takes: whatever hangs must not hang for ever. */
const PATIENCE_MS = 60_000

async function tour(report: Report, scene: Scene): Promise<number> {
  report.title('Chaperone: a guided tour on three servers from npm, through the guard over stdio')
  for (const [title, chapter] of CHAPTERS) {
    report.chapter(title)
    await chapter(report, scene)
  }
  const { place, program } = scene
  return report.end({ guard: program, node: process.versions.node, servers: place.versions })
}

async function main(argv: readonly string[]): Promise<number> {
  const report = new Report(argv)
  const program = guardProgram(argv)
  const place = makeWorkplace()
  const scene = enter(place, program)
  const abandoned = new Promise<string>((resolve) => {
    setTimeout(() => resolve('the tour takes too long'), PATIENCE_MS).unref()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
  try {
    const ended = await Promise.race([tour(report, scene), abandoned])
    if (typeof ended === 'number') return ended
    process.stderr.write(`${ended}: given up\n`)
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`${text}\n${scene.said()}`)
  } finally {
    await scene.leave()
    rmSync(place.folder, { recursive: true, force: true })
  }
  return 1
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
