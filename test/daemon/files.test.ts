import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileError } from '../../src/daemon/files/file-error.ts';
import { takeInstanceLock } from '../../src/daemon/files/instance-lock.ts';
import { readPrivateFile, writePrivateFile } from '../../src/daemon/files/private-file.ts';
import { openPrivateJson } from '../../src/daemon/files/private-json.ts';
import { StartError } from '../../src/daemon/start-error.ts';
import { temporaryHome } from './test-daemon.ts';

const makeFifo = (path: string): void => void execFileSync('mkfifo', ['-m', '600', path]);

async function refusalOf(action: () => Promise<unknown>): Promise<{ exitCode: number; message: string }> {
  try {
    await action();
  } catch (error) {
    if (error instanceof StartError) return { exitCode: error.exitCode, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a private file', () => {
  it.each([
    ['a FIFO, without waiting for a writer', makeFifo, /is not a file/],
    ['a directory', (path: string) => mkdirSync(path, { mode: 0o700 }), /is not a file/],
    ['a link', (path: string) => symlinkSync('/dev/null', path), /ELOOP.*symbolic link/],
    ['a file of 3 GB', (path: string) => (writeFileSync(path, '', { mode: 0o600 }), truncateSync(path, 3e9)), /longer than 4096 bytes/],
  ])('is not read from %s', async (_what, put, words) => {
    const path = join(temporaryHome(), 'secret');
    put(path);
    const { exitCode, message } = await refusalOf(() => readPrivateFile(path));
    expect(exitCode).toBe(78);
    expect(message).toContain(path);
    expect(message).toMatch(words);
  });

  it('replaces a link instead of writing through it, and a FIFO', async () => {
    const home = temporaryHome();
    const [target, path] = [join(home, 'target'), join(home, 'file')];
    writeFileSync(target, 'mine');
    symlinkSync(target, path);
    await writePrivateFile(path, 'new');
    expect([readFileSync(target, 'utf8'), await readPrivateFile(path)]).toEqual(['mine', 'new']);
    makeFifo(`${path}2`);
    await writePrivateFile(`${path}2`, 'new');
    expect(await readPrivateFile(`${path}2`)).toBe('new');
  });

  it('that cannot be written says which and what to do', async () => {
    const path = join(temporaryHome(), 'file');
    mkdirSync(path);
    const { exitCode, message } = await refusalOf(() => writePrivateFile(path, 'x'));
    expect(exitCode).toBe(78);
    expect(message).toMatch(`${path} cannot be used: rename failed with EISDIR. A directory stands where a file belongs: remove it`);
  });

  it.runIf(existsSync('/dev/full'))('on a full disk says so', async () => {
    let thrown: unknown;
    try {
      writeFileSync('/dev/full', 'x');
    } catch (error) {
      thrown = fileError(error, 'state/jwt-secret');
    }
    expect(thrown).toMatchObject({ exitCode: 78, message: expect.stringMatching(/^state\/jwt-secret cannot be used: write failed with ENOSPC\. The disk is full/) });
  });

  it('an error that is not the system\'s stays what it is', () => {
    const bug = new TypeError('x is not a function');
    expect(fileError(bug)).toBe(bug);
  });
});

describe('the instance lock', () => {
  const lockFile = (): string => join(temporaryHome(), 'lock.db');
  const sqliteFile = (path: string): void => {
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE t (a)');
    database.close();
  };

  it('taken twice is refused with 75 and names the holder', async () => {
    const path = lockFile();
    const lock = await takeInstanceLock(path);
    expect(await refusalOf(() => takeInstanceLock(path))).toEqual({ exitCode: 75, message: expect.stringContaining(`another tollgated holds this home: pid ${process.pid}`) });
    lock.release();
    (await takeInstanceLock(path)).release();
  });

  it('is still held against other processes when this one asked for it again', async () => {
    const path = lockFile();
    const lock = await takeInstanceLock(path);
    onTestFinished(() => lock.release());
    await refusalOf(() => takeInstanceLock(path));
    const other = `const { DatabaseSync } = require('node:sqlite'); try { new DatabaseSync(process.argv[1]).exec('BEGIN EXCLUSIVE'); console.log('taken'); } catch (error) { console.log(error.errcode); }`;
    expect(execFileSync(process.execPath, ['-e', other, path], { encoding: 'utf8' }).trim()).toBe('5');
  });

  it.each([
    ['garbage', (path: string) => writeFileSync(path, 'garbage'.repeat(200)), /lock\.db cannot be locked: file is not a database.*delete/],
    ['a FIFO', makeFifo, /lock\.db is not a file/],
    ['a directory', (path: string) => mkdirSync(path), /lock\.db is not a file/],
    ['a link to nowhere', (path: string) => symlinkSync(`${path}.elsewhere`, path), /lock\.db is not a file.*link/],
    ['a directory as its journal', (path: string) => mkdirSync(`${path}-journal`), /lock\.db-journal is not a file/],
    ['a FIFO as its journal', (path: string) => (sqliteFile(path), makeFifo(`${path}-journal`)), /lock\.db-journal is not a file/],
    ['a directory as its holder', (path: string) => mkdirSync(`${path}.holder`), /lock\.db\.holder cannot be used: rename failed with EISDIR/],
  ])('is refused with 78 for %s', async (_what, put, words) => {
    const path = lockFile();
    put(path);
    const { exitCode, message } = await refusalOf(() => takeInstanceLock(path));
    expect(exitCode).toBe(78);
    expect(message).toMatch(words);
    expect(existsSync(`${path}.elsewhere`)).toBe(false);
  });

  it('that could not name its holder is free again', async () => {
    const path = lockFile();
    mkdirSync(`${path}.holder`);
    await refusalOf(() => takeInstanceLock(path));
    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    expect(() => database.exec('BEGIN EXCLUSIVE')).not.toThrow();
  });

  it('writes its holder beside a link or a FIFO that stands there, never through it', async () => {
    const path = lockFile();
    const target = `${path}.target`;
    writeFileSync(target, 'mine');
    symlinkSync(target, `${path}.holder`);
    const lock = await takeInstanceLock(path);
    expect(readFileSync(target, 'utf8')).toBe('mine');
    expect(lstatSync(`${path}.holder`).isFile()).toBe(true);
    lock.release();
    makeFifo(`${path}.holder`);
    (await takeInstanceLock(path)).release();
  });

  it('does not wait for a FIFO that says who holds it', async () => {
    const path = lockFile();
    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    database.exec('BEGIN EXCLUSIVE');
    makeFifo(`${path}.holder`);
    expect(await refusalOf(() => takeInstanceLock(path))).toEqual({ exitCode: 75, message: expect.stringContaining('a daemon that has just started') });
  });
});

describe('a private JSON file', () => {
  it('is not written when it would be too long to be read again', async () => {
    const path = join(temporaryHome(), 'a.json');
    const file = await openPrivateJson(path, { parse: (json) => json, maxBytes: 64 });
    await file.write(() => ({ a: 1 }));
    const { message } = await refusalOf(() => file.write(() => ({ a: 'ä'.repeat(40) })));
    expect([message, readFileSync(path, 'utf8')]).toEqual([expect.stringContaining('longer than 64 bytes'), '{\n  "a": 1\n}\n']);
  });
});
