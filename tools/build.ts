import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Makes dist/, which the package ships. The client library is compiled file by file: it lives in other people's programs. The daemon and
 * the command line are bundled with what they use: they start in a third of the time.
 */
rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });

const bundle = await rolldown({
  input: {
    'daemon/main': 'src/daemon/main.ts',
    'daemon/index': 'src/daemon/index.ts',
    'daemon/check': 'src/daemon/check.ts',
    'daemon/recover-home': 'src/daemon/recover-home.ts',
    // Run beside the daemon, found by src/daemon/keys/package-program.ts.
    'daemon/keys/age-worker': 'src/daemon/keys/age-worker.ts',
    'daemon/keys/keychain-process': 'src/daemon/keys/keychain-process.ts',
    'clients/cli/main': 'src/clients/cli/main.ts',
    environment: 'src/environment.ts',
  },
  platform: 'node',
  // proto-loader is loaded only when somebody asks for health or reflection; keyring is a binary beside a loader of its own.
  external: [/^node:/, '@grpc/proto-loader', '@napi-rs/keyring'],
  logLevel: 'warn',
});
const keep = new Set<string>();
const { output } = await bundle.write({ dir: 'dist', format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js' });
for (const { fileName } of output) keep.add(join('dist', fileName));

// What was compiled and then bundled would only be dead weight.
for (const folder of ['daemon', 'plugins', 'clients/cli']) {
  for (const entry of readdirSync(join('dist', folder), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !path.endsWith('.d.ts') && !keep.has(path)) rmSync(path);
  }
}
