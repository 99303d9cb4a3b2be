import { defineConfig } from 'vitest/config'

// unit: beside its subject, on a real PostgreSQL. system: what crosses packages, on the whole running system.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'services/**/*.test.ts',
            'gateway/**/*.test.ts',
            'test/{cluster,edx,stack,promises}/**/*.test.ts',
          ],
          globalSetup: 'test/global-setup/postgres.ts',
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{e2e,contract}/**/*.test.ts'],
          globalSetup: 'test/global-setup/stack.ts',
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
