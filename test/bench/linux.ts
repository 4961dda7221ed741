/** What Linux says of a process and of the machine. On other systems every answer is undefined, shown as n/a. */
import { readFileSync, readdirSync } from 'node:fs'

/** CPU times in /proc are in clock ticks; Linux shows user space 100 of them a second on every platform. */
const TICK_US = 10_000

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not Linux, or the process is gone: there is no figure.
    return undefined
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** User and system time of one process, all its threads, none of its children, in µs. */
export function cpuOf(pid: number): number | undefined {
  return scheduledOf(pid) ?? ticksOf(pid)
}

/** To the nanosecond, where the kernel keeps scheduler statistics. */
function scheduledOf(pid: number): number | undefined {
  let us = 0
  for (const thread of list(`/proc/${pid}/task`)) {
    const text = read(`/proc/${pid}/task/${thread}/schedstat`)
    us += Number(text?.split(' ')[0]) / 1000
  }
  return us > 0 ? us : undefined
}

/** To the clock tick: utime and stime of proc_pid_stat(5). */
function ticksOf(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The command may hold spaces and brackets: fields are counted from after the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** Resident memory of one process in MB of 1,000,000 bytes. */
export function residentOf(pid: number): number | undefined {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
  return kib === undefined ? undefined : (Number(kib) * 1024) / 1_000_000
}

/** The process and everything it started, by id. */
export function treeOf(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.trim() ?? ''
  if (children === '') return [pid]
  return [pid, ...children.split(' ').flatMap((child) => treeOf(Number(child)))]
}

/** CPU time that the whole machine has spent working, in µs. */
export function machineBusy(): number | undefined {
  const fields = read('/proc/stat')?.split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number)
  if (fields === undefined) return undefined
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = fields
  return (user + nice + system + irq + soft + steal) * TICK_US
}
