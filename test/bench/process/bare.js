/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/** The bare runtime: a Node process that only waits for its input to end. Memory is measured over this one's. */
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
