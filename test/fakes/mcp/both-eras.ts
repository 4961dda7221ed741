/** The server of both eras over stdio. */
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { bothEras } from './both-eras-server.ts'

serveStdio(() => bothEras((line) => void process.stderr.write(`${line}\n`)))
