import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config'

const config: UserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Two cores: process-spawning suites starve each other when every file runs at once.
    maxWorkers: 2,
  },
})

export default config
