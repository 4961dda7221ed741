/** An environment as a process has it; a Windows one finds its names in any case before it gets here. */
export type Env = Readonly<Record<string, string | undefined>>
