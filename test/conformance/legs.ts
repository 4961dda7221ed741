/** Sets up one leg of the comparison and runs the suite on it. */
import { join } from 'node:path'
import { Desk } from './desk.ts'
import { startFixtures, startGuard, startStage } from './listen.ts'
import type { Leg } from './looks.ts'
import type { Revision } from './options.ts'
import type { Mode, Results } from './results.ts'
import { runSuite, type Target } from './suite.ts'

export interface LegRun {
  readonly revision: Revision
  readonly mode: Mode
  readonly leg: Leg
  readonly only: readonly string[]
  /** Where the suite writes its result files. */
  readonly folder: string
  /** The file of the guard's command. */
  readonly guard: string
}

const CLIENT = [process.execPath, join(import.meta.dirname, 'client.js')]

/** Everything that it starts has ended when it resolves. */
export function runLeg(leg: LegRun): Promise<Results> {
  return leg.mode === 'server' ? testServer(leg) : testClient(leg)
}

/** Fixtures of its own for each leg: what the first one left behind is not what the second one finds. */
async function testServer(run: LegRun): Promise<Results> {
  const fixtures = await startFixtures()
  try {
    if (run.leg === 'direct') return await suiteAt(run, { mode: 'server', url: fixtures.at })
    const desk = new Desk(fixtures.at)
    const guard = await startGuard(run.guard, desk)
    try {
      return await suiteAt(run, { mode: 'server', url: guard.at })
    } finally {
      await guard.close()
      desk.remove()
    }
  } finally {
    await fixtures.close()
  }
}

async function testClient(run: LegRun): Promise<Results> {
  const stage = await startStage(run.leg === 'direct' ? undefined : run.guard)
  const env = { CONFORMANCE_STAGE: stage.at }
  try {
    return await suiteAt(run, { mode: 'client', command: CLIENT, env })
  } finally {
    await stage.close()
  }
}

function suiteAt({ revision, only, folder }: LegRun, target: Target): Promise<Results> {
  return runSuite({ revision, target, only, folder })
}
