/** The packages of engines are not installed with the guard: whoever configures an engine installs its package. */

/** With the versions that the guard is tested with. */
export const ENGINE_PACKAGES: Readonly<Record<string, string>> = {
  '@open-policy-agent/opa-wasm': '1.10.0',
  '@cedar-policy/cedar-wasm': '4.13.0',
}

/** What to do where an import failed because its package is not there; undefined for any other failure. */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') return undefined
  const found = Object.entries(ENGINE_PACKAGES).find(([name]) => error.message.includes(name))
  if (!found) return undefined
  const [name, version] = found
  return `it needs the package \`${name}\`, which is not installed: run \`npm install ${name}@${version}\` where the guard is installed`
}
