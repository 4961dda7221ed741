/** The thread of an engine that computes: loads its one job, then answers one question after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Job, ThreadQuestion } from './thread.ts'
import { failed, reasonOf, type Said } from './said.ts'
import { missingPackage } from './package.ts'

type Evaluate = (question: ThreadQuestion) => Promise<Said> | Said

async function evaluatorOf(job: Job): Promise<Evaluate> {
  if (job.kind === 'rego') return (await import('./rego.ts')).loadRego(job)
  return (await import('./cedar-evaluate.ts')).loadCedar(job)
}

async function serve(job: Job): Promise<void> {
  const port = parentPort
  if (!port) return
  let evaluate: Evaluate
  try {
    evaluate = await evaluatorOf(job)
  } catch (error) {
    port.postMessage({ fault: missingPackage(error) ?? reasonOf(error) })
    return
  }
  let turn: Promise<void> = Promise.resolve()
  port.on('message', ({ id, input, schema }: ThreadQuestion & { readonly id: number }) => {
    const question = { input, ...(schema !== undefined && { schema }) }
    turn = turn.then(async () => {
      port.postMessage({ id, ...(await answer(evaluate, question)) })
    })
  })
  port.postMessage({ ready: true })
}

async function answer(evaluate: Evaluate, question: ThreadQuestion): Promise<Said> {
  try {
    return await evaluate(question)
  } catch (error) {
    return failed(reasonOf(error))
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `thread.ts` starts it, with a job
await serve(workerData as Job)
