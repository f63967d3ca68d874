import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Outcome } from './findings.ts';
import { measureBooks } from './measure-books.ts';
import { measureLedger } from './measure-ledger.ts';
import { measureLoad } from './measure-load.ts';
import { measureMemory } from './measure-memory.ts';
import { measureStart } from './measure-start.ts';
import { describeSetting, outcomeTable, summary } from './report.ts';
import { checkEndpoint, runLoad, type LoadContext } from './run-load.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { startSite, type Site } from './site.ts';
import { findTools, type Tools } from './tools.ts';

const USAGE = `npm run bench -- [options]
  --only a,b       scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}. Default: all
  --rounds N       interleaved rounds. Default 5
  --quick          one short round of "saturated" and "short": does it run at all? Its numbers are not for quoting
  --compare DIR    measures the daemon of another checkout in the same rounds
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    compare: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const checkout = fileURLToPath(new URL('..', import.meta.url));
const { quick } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
const scale = quick ? 0.5 : 1;
/** Once per process: before that the JIT compiler is what is measured. */
const warmUpSeconds = quick ? 3 : 9;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function chosen(): readonly Scenario[] {
  const names = (values.only ?? (quick ? 'saturated,short' : '')).split(',').filter(Boolean);
  const unknown = names.filter((name) => SCENARIOS.every((scenario) => scenario.name !== name));
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) throw new Error(`there is no scenario ${unknown.join(', ')}, or --rounds is no number\n${USAGE}`);
  return SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function warmUp(site: Site, context: LoadContext): Promise<void> {
  for (const [name, endpoint] of site.endpoints) {
    await checkEndpoint(name, endpoint, context);
    const run = { concurrency: 64, connections: 8, settleSeconds: 0, spreadMs: 0, firstToken: false };
    if (name === 'direct') continue;
    await runLoad({ ...run, model: 'mock-n100-g1', seconds: warmUpSeconds }, endpoint, context);
    await runLoad({ ...run, model: 'mock-n1-g0', seconds: warmUpSeconds }, endpoint, context);
  }
}

async function measure(scenarios: readonly Scenario[], tools: Tools, workspace: string): Promise<readonly Outcome[]> {
  const compared = values.compare === undefined ? undefined : resolve(values.compare);
  const checkouts = { tollgate: checkout, ...(compared === undefined ? {} : { compared }) };
  await using site = await startSite(tools, workspace, { checkout, compared, targets: new Set(scenarios.flatMap((scenario) => (scenario.kind === 'load' ? scenario.loads.map(({ target }) => target) : []))) });
  const context = { tools, workspace, mockPid: site.mockPid };
  say('warming up');
  await warmUp(site, context);
  const measureOne = (scenario: Scenario): Promise<Outcome> => {
    switch (scenario.kind) {
      case 'load':
        return measureLoad(scenario, site, context, { rounds, scale });
      case 'books':
        return measureBooks(scenario, context, { checkout, mockPort: site.mockPort, rounds: Math.min(rounds, 3), scale, warmUpSeconds });
      case 'ledger':
        return measureLedger(scenario, { checkout, tools, workspace, rounds: Math.min(rounds, 3) });
      case 'memory':
        return measureMemory(scenario, context, { checkouts, mockPort: site.mockPort, rounds: Math.min(rounds, 3), warmUpSeconds });
      default:
        return measureStart(scenario, { checkouts, tools, workspace, starts: quick ? 3 : scenario.starts });
    }
  };
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    say(`${scenario.name}: ${scenario.title}`);
    const outcome = await measureOne(scenario);
    outcomes.push(outcome);
    process.stdout.write(`${outcomeTable(outcome)}\n`);
  }
  return outcomes;
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(USAGE);
  const scenarios = chosen();
  const workspace = await mkdtemp(join(tmpdir(), 'tollgate-bench-'));
  try {
    const tools = await findTools(workspace);
    for (const what of tools.missing) say(`not here: ${what}`);
    const setting = describeSetting(['npm run bench --', ...process.argv.slice(2)].join(' '), rounds, tools);
    const outcomes = await measure(scenarios, tools, workspace);
    process.stdout.write(summary(setting, outcomes));
    const results = fileURLToPath(new URL('results', import.meta.url));
    await mkdir(results, { recursive: true });
    const file = join(results, `${setting.date.replaceAll(':', '-')}.json`);
    await writeFile(file, `${JSON.stringify({ setting, outcomes }, null, 1)}\n`);
    say(`everything measured: ${file}`);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

await main();
