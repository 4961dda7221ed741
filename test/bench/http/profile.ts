/** Where the guard's CPU goes over HTTP, in the modern era, with 64 calls in flight. */
import { profileGuard, type Profile } from '../profile.ts'
import type { Workshop } from '../target.ts'
import { openProven, openUpstream } from './open.ts'
import { httpFromSource } from './target.ts'

/** @throws Error when the guard fails, or leaves no profile behind. */
export async function profileHttp(calls: number, workshop: Workshop): Promise<Profile> {
  const target = httpFromSource(workshop)
  const upstream = await openUpstream('http-upstream', workshop.folder)
  try {
    return await profileGuard(
      async (changed) => {
        const profiled = { ...target, line: (port: number) => changed(target.line(port, upstream)) }
        return (await openProven(profiled, 'modern', upstream)).caller
      },
      calls,
      workshop.folder,
    )
  } finally {
    await upstream.stop()
  }
}
