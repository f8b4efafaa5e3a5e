import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest asks for one.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    reporters: ["default", "./scripts/summary-reporter.mjs"],
  },
});
