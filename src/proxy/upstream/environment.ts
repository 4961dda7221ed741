/** What of the guard's own environment a child process gets: what a program needs to start, nothing else. */

/** Never tokens, keys or proxies with passwords in them: those belong in the launch line's own `env`. */
const POSIX: ReadonlySet<string> = new Set([
  'HOME',
  'LANG',
  'LANGUAGE',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TERM',
  'TMPDIR',
  'TZ',
  'USER',
])

const WINDOWS: ReadonlySet<string> = new Set([
  'APPDATA',
  'COMSPEC',
  'HOMEDRIVE',
  'HOMEPATH',
  'LOCALAPPDATA',
  'NUMBER_OF_PROCESSORS',
  'OS',
  'PATH',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'TZ',
  'USERNAME',
  'USERPROFILE',
  'WINDIR',
])

/**
 * The environment of a child: the allow-listed part of `base`, then the launch line's own on top. On Windows
 * names are compared without case, as the system does.
 */
export function childEnvironment(
  own: Readonly<Record<string, string>>,
  base: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  const windows = platform === 'win32'
  const named = new Set(Object.keys(own).map((name) => (windows ? name.toUpperCase() : name)))
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(base)) {
    const key = windows ? name.toUpperCase() : name
    const allowed = windows ? WINDOWS.has(key) : POSIX.has(key) || key.startsWith('LC_')
    // A value in this form is a function to an old shell, which would run it.
    if (allowed && value !== undefined && !value.startsWith('()') && !named.has(key)) {
      environment[name] = value
    }
  }
  return Object.assign(environment, own)
}
