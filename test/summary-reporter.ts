import type { Reporter, TestModule } from 'vitest/node';

/** Ends the run with one plain line that any reader can count by. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      // A file that fails to load has no tests, and is a failure all the same.
      if (module.state() === 'failed' && module.errors().length > 0) count.failed++;
    }
    process.on('exit', () => console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`));
  }
}
