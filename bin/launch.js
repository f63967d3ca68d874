// Plain JavaScript that an old Node can still parse: it is what tells that Node is too old.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

function isNodeNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major >= 26 || (major === 24 && minor >= 15);
}

/** Runs this very command again with the Node that the checkout pins. Resolves with its exit code. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both: the child decides what it means.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`tollgate: ${node} cannot be run: ${error.message}\n`);
      resolve(2);
    });
    child.on('exit', (code, signal) => resolve(signal === null ? code : 128 + (signal === 'SIGINT' ? 2 : 15)));
  });
}

function pinnedNode() {
  const node = path('../node_modules/.bin/node');
  return existsSync(node) && realpathSync(node) !== realpathSync(process.execPath) ? node : undefined;
}

async function importOf(name) {
  // A checkout runs its sources, the published package what was built of them.
  const source = path(`../src/${name}.ts`);
  return import(existsSync(source) ? new URL(`../src/${name}.ts`, import.meta.url) : new URL(`../dist/${name}.js`, import.meta.url));
}

/**
 * Keeps what V8 compiled for the next start, which then takes half the time: in the checkout, or in the user's own cache. Never in the
 * shared temporary folder, where others could put code in its place.
 */
function rememberCompiled() {
  const cache = process.env.XDG_CACHE_HOME || (process.env.HOME && `${process.env.HOME}/.cache`);
  const folder = existsSync(path('../src')) ? path('../.compile-cache') : cache && `${cache}/tollgate`;
  // Node's recursive mkdir never returns in the kernel's folders.
  if (!folder || /^\/(proc|sys|dev)\//.test(folder)) return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    module.enableCompileCache(folder);
    // A daemon that is killed never comes to its end, where this is written else.
    setTimeout(() => module.flushCompileCache(), 3000).unref();
  } catch {
    // A home that cannot be written to only starts more slowly.
  }
}

/** How to call this command again: in a checkout it is on nobody's PATH, and npx found it. */
function commandName() {
  return existsSync(path('../src')) && process.env.npm_command === 'exec' ? 'npx tollgate' : 'tollgate';
}

async function runHere(argv) {
  rememberCompiled();
  const [{ runCli }, { readEnvironment }] = await Promise.all([importOf('clients/cli/main'), importOf('environment')]);
  return runCli(argv, {
    environment: readEnvironment(process.env),
    version: JSON.parse(readFileSync(path('../package.json'), 'utf8')).version,
    command: commandName(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    runDaemon: async (options) => (await importOf('daemon/main')).runDaemon(options),
    checkConfig: async () => (await importOf('daemon/check')).checkDaemon(process.env),
    recoverJournal: async () => (await importOf('daemon/recover-home')).recoverHome(process.env),
    daemonCommand: [process.execPath, path('./tollgated.js')],
  });
}

/** Runs `tollgate` with these arguments and sets the exit code of the process. */
export async function launch(argv) {
  if (isNodeNewEnough(process.versions.node)) {
    process.exitCode = await runHere(argv);
    return;
  }
  const node = pinnedNode();
  if (node !== undefined) {
    process.exitCode = await runWith(node);
    return;
  }
  process.stderr.write(`tollgate: this is Node ${process.versions.node}; Tollgate needs 24.15 or later, or 26. Install one from https://nodejs.org.\n`);
  process.exitCode = 2;
}
