import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** Generates everything anew beside the checkout and compares: what is committed must be what the sources give. */
const fresh = mkdtempSync(join(tmpdir(), 'tollgate-gen-'));
const listed = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [relative(root, join(entry.parentPath, entry.name))] : []));

try {
  execFileSync('buf', ['generate', '--path', 'proto/tollgate', '--path', 'proto/google', '-o', fresh], { stdio: 'inherit' });
  mkdirSync(join(fresh, 'proto'));
  execFileSync('buf', ['build', '-o', join(fresh, 'proto/descriptors.binpb'), '--as-file-descriptor-set', '--exclude-source-info'], { stdio: 'inherit' });
  execFileSync('node', ['tools/gen-config-schema.ts', join(fresh, 'config.schema.json')], { stdio: 'inherit' });
  const made = listed(fresh);
  const kept = [...listed('src/gen').map((path) => join('src/gen', path)), 'proto/descriptors.binpb', 'config.schema.json'];
  const stale = [...made.filter((path) => !kept.includes(path)), ...kept.filter((path) => !made.includes(path) || !readFileSync(path).equals(readFileSync(join(fresh, path))))];
  if (stale.length > 0) {
    console.error(`generated files are stale; run npm run gen:\n${stale.map((path) => `  ${path}`).join('\n')}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
