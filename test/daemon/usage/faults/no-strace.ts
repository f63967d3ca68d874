import { spawnSync } from 'node:child_process';

/** Why system calls cannot be made to fail here; undefined when they can. */
export const noStrace = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fdatasync', 'true']).status === 0 ? undefined : 'needs strace, and leave to use it';
