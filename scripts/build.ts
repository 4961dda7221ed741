/**
 * Builds what is published into dist/: the library with its types by tsc, and the command bundled with its dependencies
 * by rolldown, so that `chaperone run` starts from few files. The new dist/ takes the place of the old one at the end.
 *
 * No compile cache: it would save 15 of the 42 ms that loading takes, and whoever can write the cache decides what the
 * guard runs, since its bytecode is not checked against the code it stands for.
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { rolldown, type OutputChunk } from 'rolldown'

const root = resolve(import.meta.dirname, '..')
const fresh = join(root, 'node_modules', '.cache', `chaperone-build-${process.pid}`)

/** Rooms that only the command uses: they are in its bundle, and nothing of the library imports them. */
const COMMAND_ONLY = ['bin', 'cli']

/** Compiles every source; problems are printed, and what could be compiled is there. */
function library(): Promise<boolean> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh]
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.on('close', (code) => {
      for (const room of COMMAND_ONLY) rmSync(join(fresh, room), { recursive: true, force: true })
      done(code === 0)
    })
  })
}

/** Bundles the executable and everything it loads, once its folder is free; a module that is missing is reported and left out. */
async function executable(
  free: Promise<unknown>,
): Promise<{ readonly good: boolean; readonly chunks: OutputChunk[] }> {
  let good = true
  const bundle = await rolldown({
    input: {
      chaperone: join(root, 'src', 'bin', 'chaperone.ts'),
      // Started as threads, by their names beside the files that start them.
      'engine-worker': join(root, 'src', 'engine', 'engine-worker.ts'),
      'checkpoint-worker': join(root, 'src', 'state', 'checkpoint-worker.ts'),
    },
    platform: 'node',
    // Installed by whoever configures the engine, or sends telemetry.
    external: ['@cedar-policy/cedar-wasm/nodejs', /^@opentelemetry\//],
    onLog: (level, log) => {
      if (log.code === 'UNRESOLVED_IMPORT') good = false
      if (level === 'warn') console.error(log.message)
    },
    plugins: [
      {
        name: 'missing-module',
        resolveId(source, importer) {
          if (!importer?.startsWith(join(root, 'src')) || !source.startsWith('.')) return null
          if (existsSync(resolve(dirname(importer), source))) return null
          console.error(`${importer}: there is no ${source}`)
          good = false
          return { id: source, external: true }
        },
      },
    ],
  })
  await free
  const { output } = await bundle.write({
    dir: join(fresh, 'bin'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    comments: { legal: false, annotation: false, jsdoc: false },
  })
  await bundle.close()
  return { good, chunks: output.filter((item) => item.type === 'chunk') }
}

/** The packages whose code is in the bundle, each with the text of its license, as every one of them asks. */
function notices(chunks: readonly OutputChunk[]): string {
  const folders = new Set(
    chunks
      .flatMap((chunk) => chunk.moduleIds)
      .map((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0])
      .filter((folder) => folder !== undefined),
  )
  const texts = [...folders].toSorted().map((folder) => {
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      readonly name: string
      readonly version: string
      readonly license: string
    }
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license']
      .map((name) => join(folder, name))
      .find((path) => existsSync(path))
    const text = file === undefined ? '' : readFileSync(file, 'utf8').trim()
    return `${about.name} ${about.version} (${about.license})\n\n${text}\n`
  })
  const rule = `\n${'-'.repeat(78)}\n\n`
  return `The files in this folder contain code of these packages.\n${rule}${texts.join(rule)}`
}

/** The old dist/ stays whole until the new one is. */
function swap(): void {
  const dist = join(root, 'dist')
  const old = `${fresh}-old`
  if (existsSync(dist)) renameSync(dist, old)
  try {
    renameSync(fresh, dist)
  } catch (error) {
    // Another build finished in between: its dist/ is as new as this one.
    if (!existsSync(join(dist, 'bin'))) throw error
    rmSync(fresh, { recursive: true, force: true })
  }
  rmSync(old, { recursive: true, force: true })
}

const started = performance.now()
rmSync(fresh, { recursive: true, force: true })
mkdirSync(fresh, { recursive: true })
const compiling = library()
const [compiled, bundled] = await Promise.all([compiling, executable(compiling)])
writeFileSync(join(fresh, 'bin', 'LICENSES.txt'), notices(bundled.chunks))
chmodSync(join(fresh, 'bin', 'chaperone.js'), 0o755)
swap()
const kilobytes = bundled.chunks.reduce((sum, chunk) => sum + chunk.code.length, 0) / 1024
console.error(
  `built dist/ in ${Math.round(performance.now() - started)} ms: ${bundled.chunks.length} bundled files, ${Math.round(kilobytes)} KiB`,
)
process.exitCode = compiled && bundled.good ? 0 : 1
