import { keyIssue, labelIssue } from '../keys/key-format.ts';
import type { Violations } from './violations.ts';

export function checkLabel(violations: Violations, label: string): void {
  const issue = labelIssue(label);
  violations.check(issue === undefined, 'label', issue ?? '');
}

/** Checks a key that came with a request. What is said of it never holds it. */
export function checkKeyText(violations: Violations, key: string): void {
  const issue = keyIssue(key);
  violations.check(issue === undefined, 'key', issue ?? '');
}
