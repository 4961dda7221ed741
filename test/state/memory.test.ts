import { emptyMemory, memoryStore } from '../../src/state/memory.ts'
import { stateStoreContract } from '../contracts/state-store.ts'

stateStoreContract('the store in memory', (world) => {
  const memory = emptyMemory()
  return (own) => memoryStore({ ...world, memory, ...(own && { own }) })
})
