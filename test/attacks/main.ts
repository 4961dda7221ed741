/** `npm run attacks`: every attack on the guard that this version withstands, counted by its class. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { CASES } from './cases.ts'
import { tally, tallyJson, tallyText, type RunReport } from './tally.ts'

const HELP = `npm run attacks, or npm run --silent attacks -- --json

Makes the attacks on the guard itself: over memory, stdio and HTTP, whole and in pieces. Recorded inputs are read from
../shared/evaluation/guard_attacks; without them their tests are skipped, and said to be.

  --report <file>   counts what a JSON report of the test runner says, and runs nothing
  --json   one line: {"families":{"G01":{"attack","passed","failed","skipped","later"},…},"passed","failed","pending":[ids]}
           \`pending\` are the classes of which nothing is tried yet; \`later\` says what of a class is not
  --help   this text

Exit code: 0 all held, 1 an attack got through, 2 wrong usage, 3 the tests could not be run.
`

const ROOT = join(import.meta.dirname, '..', '..')

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let json = false
  let given: string | undefined
  try {
    const options = {
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      report: { type: 'string' },
    } as const
    const { values } = parseArgs({ args: [...args], options })
    if (values.help === true) {
      process.stdout.write(HELP)
      return 0
    }
    json = values.json === true
    given = values.report
  } catch (error) {
    process.stderr.write(`attacks: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-attacks-'))
  try {
    const file = given ?? join(folder, 'report.json')
    const code = given === undefined ? await run(file) : 0
    const report = read(file)
    if (!report) {
      process.stderr.write(`attacks: there is no report of the test runner in ${file}\n`)
      return 3
    }
    const result = tally(CASES, report)
    process.stdout.write(json ? tallyJson(result) : tallyText(result, CASES))
    if (json) for (const line of result.failures) process.stderr.write(`FAILED ${line}\n`)
    if (result.failed > 0 || result.passed === 0) return 1
    if (code === 0) return 0
    process.stderr.write(
      'attacks: every test passed, and something beside them failed: see above\n',
    )
    return 3
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the runner says while it runs is progress, and goes to stderr. Resolves with its exit code. */
async function run(file: string): Promise<number | null> {
  // Others of a row stand beside the attack, and name no class.
  const elsewhere = CASES.flatMap(({ id, files }) =>
    files.filter((file) => readFileSync(join(ROOT, file), 'utf8').includes(`${id}: `)),
  )
  const files = [...new Set(['test/attacks', ...elsewhere])].filter(
    (path) => path === 'test/attacks' || !path.startsWith('test/attacks/'),
  )
  const manifest = createRequire(import.meta.url).resolve('vitest/package.json')
  const vitest = join(dirname(manifest), 'vitest.mjs')
  const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, 'run', ...files, ...reports], {
      cwd: ROOT,
      stdio: ['ignore', process.stderr.fd, 'inherit'],
    })
    child.on('error', () => resolve(null))
    child.on('close', resolve)
  })
}

function read(file: string): RunReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunReport
  } catch {
    // The runner has said why.
    return undefined
  }
}
