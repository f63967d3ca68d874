import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { Variables } from '../../../src/environment.ts';
import { isInstalled, temporaryDirectory } from './test-ring.ts';

const PROGRAMS = ['dbus-daemon', 'dbus-monitor', 'dbus-send', 'gnome-keyring-daemon', 'secret-tool'] as const;

/** What is not installed of what a Secret Service needs here. */
export const missingPrograms = (): readonly string[] => PROGRAMS.filter((program) => !isInstalled(program));

export interface SecretService {
  /** How its bus is found. */
  readonly variables: Variables;
  /** What `secret-tool` says of an account of the service tollgate. */
  lookup(account: string): string;
  lock(): void;
  /** As logging in again does. */
  unlock(): Promise<void>;
  pause(): void;
  resume(): void;
}

export interface SecretServiceOptions {
  /** Whether its keyring is there and open. Default true. Else it has none. */
  readonly keyring?: boolean;
  /** Whether somebody who never answers is asked for the password of a locked keyring. Default false: nobody can be asked. */
  readonly asks?: boolean;
}

/** A session of D-Bus of its own: nothing is started in it but what is named here. */
function startBus(directory: string, asks: boolean): ChildProcess {
  const services = join(directory, 'services');
  mkdirSync(services);
  if (asks) writeFileSync(join(services, 'org.gnome.keyring.SystemPrompter.service'), '[D-BUS Service]\nName=org.gnome.keyring.SystemPrompter\nExec=/bin/sleep 60\n');
  const config = join(directory, 'bus.conf');
  const policy = '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>';
  writeFileSync(config, `<busconfig><type>session</type><listen>unix:path=${join(directory, 'bus')}</listen><servicedir>${services}</servicedir>${policy}</busconfig>`);
  return spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
}

async function lineWith(child: ChildProcess, words: string): Promise<void> {
  if (child.stdout === null) return;
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(words)) return;
  throw new Error(`${words} did not come`);
}

/** A real Secret Service: gnome-keyring in a session of D-Bus of its own. It ends with the test. */
export async function secretService({ keyring = true, asks = false }: SecretServiceOptions = {}): Promise<SecretService> {
  const directory = temporaryDirectory();
  const stop = (child: ChildProcess): void => {
    onTestFinished(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
  };
  const bus = startBus(directory, asks);
  stop(bus);
  await lineWith(bus, 'unix:path=');
  const variables = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(directory, 'bus')}`, HOME: directory };
  const env = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: directory, ...variables };

  const start = async (): Promise<ChildProcess> => {
    const monitor = spawn('dbus-monitor', ['--session', "type='signal',member='NameOwnerChanged',arg0='org.freedesktop.secrets'"], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    stop(monitor);
    const seen = lineWith(monitor, 'org.freedesktop.secrets');
    await once(monitor.stdout, 'readable');
    const started = spawn('gnome-keyring-daemon', [keyring ? '--unlock' : '--start', '--components=secrets', '--foreground'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
    stop(started);
    started.stdin.end('password');
    await seen;
    monitor.kill();
    return started;
  };
  let daemon = await start();

  const run = (program: string, args: readonly string[], input = ''): string => execFileSync(program, args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  return {
    variables,
    lookup: (account) => run('secret-tool', ['lookup', 'service', 'tollgate', 'username', account]),
    lock: () => void run('dbus-send', ['--session', '--print-reply', '--dest=org.freedesktop.secrets', '/org/freedesktop/secrets', 'org.freedesktop.Secret.Service.Lock', 'array:objpath:/org/freedesktop/secrets/collection/login']),
    async unlock() {
      const exit = once(daemon, 'exit');
      daemon.kill();
      await exit;
      daemon = await start();
    },
    pause: () => void daemon.kill('SIGSTOP'),
    resume: () => void daemon.kill('SIGCONT'),
  };
}
