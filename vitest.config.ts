import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config'

const config: UserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // A test that waits in vain says so sooner; this is for machines that are busy with something else.
    testTimeout: 60_000,
    // Two cores: process-spawning suites starve each other when every file runs at once.
    maxWorkers: 2,
  },
})

export default config
