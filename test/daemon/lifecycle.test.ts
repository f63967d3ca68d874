import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { GenerateServiceClient, type GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { ask, bearer, rpcFailure, temporaryHome, userSays } from './test-daemon.ts';
import { daemonFile, spawnDaemon, type SpawnedDaemon } from './spawned-daemon.ts';

function open(daemon: SpawnedDaemon, model: string, text = 'one two three four five six seven eight') {
  const { grpc } = daemonFile(daemon);
  const token = readFileSync(daemon.environment.home.adminTokenFile, 'utf8').trim();
  const client = new GenerateServiceClient(grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = client.generate(ask({ model, messages: [userSays(text)] }), bearer(token));
  return { call, close: () => client.close() };
}

async function answerOf(daemon: SpawnedDaemon, model: string): Promise<{ text: string; reason: string | undefined }> {
  const { call, close } = open(daemon, model);
  let text = '';
  try {
    for await (const { event } of call as AsyncIterable<GenerateResponse>) if (event?.$case === 'textDelta') text += event.value.text;
    return { text, reason: undefined };
  } catch (error) {
    return { text, reason: rpcFailure(error as ServiceError).reason };
  } finally {
    close();
  }
}

describe('tollgated', () => {
  it('says in run/daemon.json who it is, once it serves, and leaves nothing behind', async () => {
    const daemon = spawnDaemon();
    expect(await daemon.ready).toBe('ready');
    const { home } = daemon.environment;
    expect(daemonFile(daemon)).toEqual({ pid: daemon.child.pid, version: expect.stringMatching(/^\d+\./), grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/), socket: home.socket, http: null });
    for (const path of [home.socket, home.daemonFile, home.adminTokenFile]) expect([path, statSync(path).mode & 0o777]).toEqual([path, 0o600]);
    expect((await answerOf(daemon, 'echo/say')).text).toContain('one two three');
    daemon.child.kill('SIGTERM');
    expect(await daemon.exit).toBe(0);
    expect(readdirSync(home.runDir)).toEqual(['lock.db']);
  });

  it('lets a running stream finish when it is told to stop, and takes no new one', async () => {
    const daemon = spawnDaemon();
    await daemon.ready;
    const { call, close } = open(daemon, 'echo/slow');
    let text = '';
    const ended = (async () => {
      for await (const { event } of call as AsyncIterable<GenerateResponse>) {
        if (event?.$case === 'textDelta' && text === '') daemon.child.kill('SIGTERM');
        if (event?.$case === 'textDelta') text += event.value.text;
      }
    })();
    await ended;
    expect(text.trim()).toBe('one two three four five six seven eight');
    expect(await daemon.exit).toBe(0);
    close();
  });

  it('hurries when it is told twice', async () => {
    const daemon = spawnDaemon();
    await daemon.ready;
    const { call, close } = open(daemon, 'echo/slow', 'word '.repeat(3000));
    const failed = once(call, 'error') as Promise<[ServiceError]>;
    await once(call, 'data');
    call.resume();
    daemon.child.kill('SIGTERM');
    while (existsSync(daemon.environment.home.daemonFile)) await new Promise(setImmediate);
    daemon.child.kill('SIGTERM');
    expect(await daemon.exit).toBe(0);
    expect(rpcFailure((await failed)[0])).toMatchObject({ reason: 'SHUTTING_DOWN', generation: { partial: true } });
    close();
  });

  it('of two on one home the second ends with 75 and says who holds it', async () => {
    const first = spawnDaemon();
    await first.ready;
    const second = spawnDaemon({ home: join(first.environment.home.stateDir, '..') });
    expect(await second.exit).toBe(75);
    expect(second.log()).toContain(`pid ${first.child.pid}`);
    expect((await answerOf(first, 'echo/say')).reason).toBeUndefined();
  });

  it('of ten that start at once exactly one serves', async () => {
    const home = temporaryHome();
    const daemons = Array.from({ length: 10 }, () => spawnDaemon({ home }));
    const codes = daemons.map(({ exit }) => exit);
    const losers = await new Promise<unknown[]>((resolve) => {
      const ended: unknown[] = [];
      for (const code of codes) void code.then((value) => ended.push(value) === 9 && resolve(ended));
    });
    expect(losers).toEqual(Array.from({ length: 9 }, () => 75));
    const winner = daemons.find(({ child }) => child.exitCode === null);
    expect(winner && (await answerOf(winner, 'echo/say')).text).toContain('one two');
  }, 60_000);

  it('starts again at once after kill -9 in the middle of a stream', async () => {
    const first = spawnDaemon();
    await first.ready;
    const { call, close } = open(first, 'echo/slow', 'word '.repeat(1000));
    const failed = once(call, 'error') as Promise<[ServiceError]>;
    await once(call, 'data');
    call.resume();
    first.child.kill('SIGKILL');
    expect((await failed)[0].code).toBe(14);
    close();
    const second = spawnDaemon({ home: join(first.environment.home.stateDir, '..') });
    expect(await second.ready).toBe('ready');
    expect((await answerOf(second, 'echo/say')).text).toContain('one two three');
  });

  it('opens no debugger for SIGUSR1, goes on at SIGHUP, and leaves at SIGUSR2 when idle', async () => {
    const daemon = spawnDaemon();
    await daemon.ready;
    daemon.child.kill('SIGUSR1');
    daemon.child.kill('SIGHUP');
    expect((await answerOf(daemon, 'echo/say')).reason).toBeUndefined();
    const debuggerPort = connect(9229, '127.0.0.1');
    const [refused] = (await once(debuggerPort, 'error')) as [NodeJS.ErrnoException];
    expect(refused.code).toBe('ECONNREFUSED');
    daemon.child.kill('SIGUSR2');
    expect(await daemon.exit).toBe(0);
  });

  it('leaves the environment, and the keys in it, out of a diagnostic report', async () => {
    const home = temporaryHome();
    const report = join(home, 'report.json');
    const daemon = spawnDaemon({ home, variables: { OPENAI_API_KEY: 'sk-canary', NODE_OPTIONS: `--report-on-signal --report-signal=SIGWINCH --report-directory=${home} --report-filename=report.json` } });
    await daemon.ready;
    daemon.child.kill('SIGWINCH');
    const whole = (): boolean => existsSync(report) && readFileSync(report, 'utf8').endsWith('}\n');
    while (!whole()) await new Promise(setImmediate);
    expect(readFileSync(report, 'utf8')).not.toContain('sk-canary');
  });

  it('ends by itself, when a client started it and nobody calls', async () => {
    const daemon = spawnDaemon({ config: { auto_start: { idle_exit: '200ms' } }, args: ['--auto-started'] });
    await daemon.ready;
    expect(await daemon.exit).toBe(0);
  });
});

describe('a start that hangs', () => {
  /** Holds the only thread that reads files, from when the signals are listened to; the signal then comes as often as said. */
  const hang = (fifo: string, signal: string, times: number): string =>
    `import { open } from 'node:fs';
    process.on('newListener', (name) => {
      if (name !== 'SIGUSR2') return;
      open(${JSON.stringify(fifo)}, 'r', () => {});
      for (let sent = 0; sent < ${times}; sent++) setTimeout(() => process.kill(process.pid, ${JSON.stringify(signal)}), 50 * sent);
    });`;

  it.each([
    ['SIGTERM', 'once', 1],
    ['SIGINT', 'once', 1],
    ['SIGTERM', 'twice', 2],
  ] as const)('ends by %s, sent %s', async (signal, _often, times) => {
    const fifo = join(temporaryHome(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const preload = `data:text/javascript,${encodeURIComponent(hang(fifo, signal, times))}`;
    const daemon = spawnDaemon({ variables: { UV_THREADPOOL_SIZE: '1', NODE_OPTIONS: `--import=${preload}` } });
    expect(await daemon.exit).toBe(signal);
    expect(existsSync(daemon.environment.home.stateDir)).toBe(false);
  });
});

describe('tollgated refuses to start', () => {
  const refusal = async (options: Parameters<typeof spawnDaemon>[0]): Promise<{ code: unknown; said: string }> => {
    const daemon = spawnDaemon(options);
    return { code: await daemon.exit, said: daemon.log() };
  };

  it('with a config that cannot be used: 78, file, path and fix', async () => {
    const { code, said } = await refusal({ config: { listen: { grpc: '127.0.0.1:99999' } } });
    expect(code).toBe(78);
    expect(said).toMatch(/config\.json cannot be used:\n {2}listen\.grpc: .*65535/);
  });

  it('with a socket path that the system does not take', async () => {
    const home = join(temporaryHome(), 'x'.repeat(100));
    const { code, said } = await refusal({ home });
    expect(code).toBe(78);
    expect(said).toMatch(/allows 103\. Set TOLLGATE_HOME/);
  });

  it('with a signing secret that others can read, or that is a link', async () => {
    for (const spoil of [(file: string) => chmodSync(file, 0o644), (file: string) => symlinkSync('/etc/hostname', file)]) {
      const home = temporaryHome();
      mkdirSync(join(home, 'state'), { mode: 0o700 });
      const file = join(home, 'state', 'jwt-secret');
      if (spoil.toString().includes('chmod')) writeFileSync(file, 'x'.repeat(43));
      spoil(file);
      const { code, said } = await refusal({ home });
      expect(code).toBe(78);
      expect(said).toContain('jwt-secret');
    }
  });

  it('with a state directory that is a link', async () => {
    const home = temporaryHome();
    symlinkSync(temporaryHome(), join(home, 'state'));
    const { code, said } = await refusal({ home });
    expect(code).toBe(78);
    expect(said).toContain('symbolic link');
  });

  it('with a log level that is none, or a secret that is too short', async () => {
    expect(await refusal({ variables: { TOLLGATE_LOG_LEVEL: 'loud' } })).toMatchObject({ code: 78, said: expect.stringContaining('TOLLGATE_LOG_LEVEL') });
    expect(await refusal({ variables: { TOLLGATE_JWT_SECRET: 'short' } })).toMatchObject({ code: 78, said: expect.stringContaining('at least 32') });
  });

  it.each([
    ['a directory as daemon.json', 'run/daemon.json', 'directory'],
    ['a directory as the admin token', 'run/admin.token', 'directory'],
    ['a directory as the socket', 'run/tollgate.sock', 'directory'],
    ['a directory as the lock', 'run/lock.db', 'directory'],
    ["a directory as the lock's holder", 'run/lock.db.holder', 'directory'],
    ['a directory as the signing secret', 'state/jwt-secret', 'directory'],
    ['a file as the state directory', 'state', 'file'],
    ['a FIFO as the signing secret', 'state/jwt-secret', 'FIFO'],
    ['a FIFO as the lock', 'run/lock.db', 'FIFO'],
    ['a FIFO as the config', 'config/other.json', 'FIFO'],
  ])('with %s: 78, the path and what to do', async (_what, name, kind) => {
    const home = temporaryHome();
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (kind === 'directory') mkdirSync(path, { mode: 0o700 });
    else if (kind === 'file') writeFileSync(path, '');
    else execFileSync('mkfifo', ['-m', '600', path]);
    const { code, said } = await refusal({ home, variables: name.startsWith('config') ? { TOLLGATE_CONFIG: path } : {} });
    expect(code).toBe(78);
    expect(said).toContain(path);
    expect(said).toMatch(/[Rr]emove it/);
    expect(said).not.toMatch(/^ +at /m);
  });

  it('with a home that is no directory, or a file where the config directory belongs', async () => {
    const file = join(temporaryHome(), 'file');
    writeFileSync(file, '');
    for (const variables of [{ TOLLGATE_HOME: file }, { TOLLGATE_CONFIG: join(file, 'config.json') }]) {
      const { code, said } = await refusal({ variables });
      expect(code).toBe(78);
      expect(said).toMatch(/cannot be used: mkdir failed with (ENOTDIR|EEXIST)\. A file stands where a directory belongs/);
    }
  });
});
