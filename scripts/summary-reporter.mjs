import { writeSync } from "node:fs";

/**
 * Ends the output of a test run with one plain line, exact whatever went wrong:
 *
 *     12 passed, 0 failed, 3 skipped
 *
 * A file that could not be loaded, a hook that threw and an error outside any test count as one failure each.
 */
// biome-ignore lint/style/noDefaultExport: vitest asks for one.
export default class SummaryReporter {
  #counts = { passed: 0, failed: 0, skipped: 0 };

  onInit() {
    // Vitest's own summary and errors of the set-up come after its last event.
    process.once("exit", (exitCode) => {
      const { passed, failed, skipped } = this.#counts;
      const orSetup = exitCode !== 0 && failed === 0 ? 1 : failed;
      writeSync(1, `\n${passed} passed, ${orSetup} failed, ${skipped} skipped\n`);
    });
  }

  onTestRunEnd(testModules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const testModule of testModules) {
      counts.failed += testModule.errors().length;
      for (const suite of testModule.children.allSuites()) counts.failed += suite.errors().length;
      // A test that never ran because a hook failed is "pending": the hook is the failure.
      for (const test of testModule.children.allTests()) {
        const { state } = test.result();
        counts[state === "pending" ? "skipped" : state] += 1;
      }
    }
    this.#counts = counts;
  }
}
