#!/usr/bin/env node
/*
 * The executable. Nothing here may need a newer Node than the sentence below is meant for: no static imports, and
 * only syntax that Node 12 parses. What does need one is loaded once the version is known to be enough.
 */
const found = process.versions.node.split('.').map(Number)
const major = Number(found[0])

if (major > 22 || (major === 22 && Number(found[1]) >= 18)) {
  import('../cli/start.ts')
    .then(function (program) {
      return program.start()
    })
    .catch(function (error) {
      process.stderr.write('chaperone: fault: ' + String(error) + '\n')
      process.exit(3)
    })
} else {
  process.stderr.write(
    'chaperone needs Node 22.18 or newer; this is v' +
      process.versions.node +
      ' (' +
      process.execPath +
      '). Install a newer one from https://nodejs.org, or name one in the client entry instead of `node`.\n',
  )
  process.exit(2)
}
