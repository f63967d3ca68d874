import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Adds to package-lock.json the binaries of other platforms that a registry did not have when `npm install` wrote it. npm leaves those
 * out without a word, and `npm ci` then refuses the file. Their names say what they are for; npm installs only what fits.
 */
interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PLATFORM = /(?:^|[/-])(darwin|linux|win32|android|freebsd|openharmony)-(arm64|x64|armv7|arm|ppc64|riscv64|s390x|ia32)(?:-(gnu|musl)(?:eabi(?:hf)?)?)?/;
const LIBC: Readonly<Record<string, string>> = { gnu: 'glibc', musl: 'musl' };

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> };
let added = 0;
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const [, os, cpu, libc] = PLATFORM.exec(name) ?? [];
    if (lock.packages[path] !== undefined || os === undefined || cpu === undefined) continue;
    lock.packages[path] = { version, cpu: [cpu === 'armv7' ? 'arm' : cpu], ...(owner.dev === true ? { dev: true } : {}), ...(os === 'linux' && libc !== undefined ? { libc: [LIBC[libc]] } : {}), optional: true, os: [os] } as Entry;
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added`);
