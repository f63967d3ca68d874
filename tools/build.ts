import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';

/** Makes dist/, which the package ships: what people install runs no TypeScript. */
rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
copyFileSync('src/gen/descriptors.binpb', 'dist/gen/descriptors.binpb');
