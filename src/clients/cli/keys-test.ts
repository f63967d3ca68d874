import { type Provider, ValidateKeyResponse, ValidateKeyResponse_Verdict as Verdict } from '../../gen/tollgate/v1/keys_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isKey } from './describe-key.ts';
import { enumName } from './enum-name.ts';
import { table } from './table.ts';

export interface TestKeysOptions {
  readonly label?: string;
  readonly json?: boolean;
}

interface Tested {
  readonly provider: string;
  readonly label: string;
  readonly answer: ValidateKeyResponse;
}

const columns = ['PROVIDER', 'LABEL', 'VERDICT', 'CHECKED WITH', 'SAYS'].map((head) => ({ head }));

/** What concerns every key, not one. */
const general = new Set(['KEYS_LOCKED', 'KEY_STORE_UNAVAILABLE', 'DAEMON_UNREACHABLE', 'SHUTTING_DOWN']);

/** One key that cannot be asked about, e.g. one that was stored for another address, does not hide what is known of the others. */
function asUnknown(error: unknown): ValidateKeyResponse {
  if (!(error instanceof TollgateError) || general.has(error.reason) || ['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code)) throw error;
  return { verdict: Verdict.UNKNOWN, reason: error.reason, message: error.message, checkedWith: '' };
}

async function testAll(tollgate: Tollgate, providers: readonly Provider[], label: string | undefined): Promise<Tested[]> {
  const asked = providers.flatMap((provider) => provider.keys.filter((key) => isKey(key) && (label === undefined || key.label === label))
    .map(async (key): Promise<Tested> => {
      const answer = await tollgate.keys.validate({ provider: provider.name, label: key.label }).catch(asUnknown);
      return { provider: provider.name, label: key.label, answer };
    }));
  return Promise.all(asked);
}

async function testOne(tollgate: Tollgate, name: string, label: string | undefined): Promise<Tested[]> {
  const { provider } = await tollgate.keys.get(name);
  const tested = await testAll(tollgate, provider === undefined ? [] : [provider], label);
  if (tested.length > 0) return tested;
  // The daemon says what is missing.
  const answer = await tollgate.keys.validate({ provider: name, label: label ?? '' });
  return [{ provider: name, label: label ?? '', answer }];
}

async function asJson({ provider, label, answer }: Tested): Promise<string> {
  const message: object = JSON.parse(await canonicalJson('tollgate.v1.ValidateKeyResponse', ValidateKeyResponse.encode(answer)));
  return `${JSON.stringify({ provider, label, ...message })}\n`;
}

function row({ provider, label, answer }: Tested): string[] {
  const { verdict, reason, message, checkedWith } = answer;
  return [provider, label, enumName(Verdict, verdict).toLowerCase(), checkedWith, [message, reason === '' ? '' : `(${reason})`].join(' ').trim()];
}

export async function testKeys(name: string | undefined, options: TestKeysOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const done = await console.spin('asking the providers');
  let tested: readonly Tested[];
  try {
    tested = name === undefined ? await testAll(tollgate, (await tollgate.keys.list()).providers, options.label) : await testOne(tollgate, name, options.label);
  } finally {
    done();
  }
  if (options.json === true) for (const one of tested) await console.out.write(console.safe(await asJson(one)));
  else if (tested.length > 0) await console.out.write(console.safe(await table(columns, tested.map(row))));
  if (tested.length === 0) throw new CliError(exitCode.refused, 'There is no key to test.', '`tollgate keys set <provider>` stores one.');
  return tested.some(({ answer }) => answer.verdict === Verdict.INVALID) ? exitCode.refused : exitCode.done;
}
