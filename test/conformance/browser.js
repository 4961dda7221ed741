/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-member-access -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/** A browser whose user says yes: opens the URL that it is given and goes where it is sent, back to who asked. */
const [, , url = ''] = process.argv
const { status } = await fetch(url, { signal: AbortSignal.timeout(10_000) })
process.exitCode = status < 400 ? 0 : 1
