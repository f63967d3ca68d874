import { cp, mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runChild } from './children.ts';

const SHIPPED = ['bin', 'dist', 'proto', 'package.json', 'config.schema.json'];

/** Builds a checkout and lays it out as a user has it installed: without its sources. Returns the folder. */
export async function pack(checkout: string, folder: string): Promise<string> {
  const path = [join(checkout, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
  await runChild([process.execPath, 'tools/build.ts'], 120_000, { cwd: checkout, env: { ...process.env, PATH: path } });
  await mkdir(folder, { recursive: true });
  for (const name of SHIPPED) await cp(join(checkout, name), join(folder, name), { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
