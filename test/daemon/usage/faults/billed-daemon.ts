import { readFileSync } from 'node:fs';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { Variables } from '../../../../src/environment.ts';
import { GenerateServiceClient, type Finish, type GenerateResponse } from '../../../../src/gen/tollgate/v1/generate_service.ts';
import { ExportUsageRequest, UsageServiceClient, UsageServiceService as Rpc, type ExportUsageResponse, type Generation, type QuotaWindow } from '../../../../src/gen/tollgate/v1/usage_service.ts';
import { mockUpstream, type MockAnswer, type MockUpstream } from '../../../mock-upstream.ts';
import { daemonFile, spawnDaemon, type SpawnedDaemon } from '../../spawned-daemon.ts';
import { ask, bearer, rpcFailure, temporaryHome, userSays } from '../../test-daemon.ts';
import { call } from '../usage-server.ts';

/** A call as its client saw it. */
export interface SeenCall {
  /** undefined when it ended before it had one. */
  readonly id: string | undefined;
  readonly words: number;
  /** Of one that ended OK. */
  readonly finish: Finish | undefined;
  readonly reason: string | undefined;
  readonly code: number;
}

/** A `tollgated` in a process of its own, before a provider that bills. */
export interface BilledDaemon {
  readonly spawned: SpawnedDaemon;
  readonly token: string;
  /** Asks for an answer of so many words. `onEvent` is called for each event. */
  generate(words: number, onEvent?: (event: GenerateResponse) => void): Promise<SeenCall>;
  /** Everything that was settled. */
  exported(since?: Date): Promise<readonly Generation[]>;
  quota(): Promise<readonly QuotaWindow[]>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

export interface BilledHome {
  readonly upstream: MockUpstream;
  readonly home: string;
  /** Starts a daemon in this home. It serves when this resolves. */
  start(variables?: Variables): Promise<BilledDaemon>;
  /** The same, without waiting. */
  spawn(variables?: Variables): SpawnedDaemon;
}

const PROMPT_TOKENS = 100;
const PRICES = { 'mock/*': { input: '2', output: '10' } };

/** What a whole answer of so many words costs: each is a token. */
export const costOfWords = (words: number): bigint => BigInt(PROMPT_TOKENS + words) * 2_000_000n + BigInt(words) * 10_000_000n;

const sse = (value: object): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', ...value })}\n\n`;
const word = sse({ choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }] });

/** The answer to a prompt that names its words, with what it is billed for. */
export const billedAnswer = (body: string): MockAnswer => {
  const words = Number(/(\d+) words/.exec(body)?.[1] ?? 0);
  const end = sse({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) + sse({ choices: [], usage: { prompt_tokens: PROMPT_TOKENS + words, completion_tokens: words, total_tokens: PROMPT_TOKENS + 2 * words } });
  return { headers: { 'content-type': 'text/event-stream' }, body: [...Array.from({ length: words }, () => word), `${end}data: [DONE]\n\n`] };
};

/** A home whose daemon calls a provider that bills 100 tokens for each prompt and one for each word. `tier` are the limits of its one client. */
export async function billedHome(tier: object = {}, home = temporaryHome()): Promise<BilledHome> {
  const upstream = await mockUpstream(({ body }) => billedAnswer(body));
  onTestFinished(() => upstream.close());
  const config = { providers: { mock: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, key_env: 'MOCK_KEY' } }, prices: PRICES, tiers: { admin: tier } };
  const spawn = (variables: Variables = {}): SpawnedDaemon => spawnDaemon({ home, config, variables: { MOCK_KEY: 'mock-key-0123456789', ...variables } });
  return {
    upstream,
    home,
    spawn,
    async start(variables) {
      const spawned = spawn(variables);
      if ((await spawned.ready) !== 'ready') throw new Error(`the daemon does not start: ${spawned.log()}`);
      return billed(spawned);
    },
  };
}

function billed(spawned: SpawnedDaemon): BilledDaemon {
  const address = daemonFile(spawned).grpc ?? '';
  const token = readFileSync(spawned.environment.home.adminTokenFile, 'utf8').trim();
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const usage = new UsageServiceClient(address, credentials.createInsecure(), options);
  const generating = new GenerateServiceClient(address, credentials.createInsecure(), options);
  onTestFinished(() => {
    usage.close();
    generating.close();
  });
  return {
    spawned,
    token,
    async generate(words, onEvent) {
      let id: string | undefined;
      let finish: Finish | undefined;
      const answer = generating.generate(ask({ model: 'mock/m', messages: [userSays(`${words} words`)], maxOutputTokens: words + 1 }), bearer(token));
      try {
        for await (const response of answer as AsyncIterable<GenerateResponse>) {
          if (response.event?.$case === 'attemptStarted') id = response.event.value.generationId;
          if (response.event?.$case === 'finish') finish = response.event.value;
          onEvent?.(response);
        }
      } catch (error) {
        const { code, reason } = rpcFailure(error as ServiceError);
        return { id, words, finish: undefined, reason, code };
      }
      return { id, words, finish, reason: undefined, code: status.OK };
    },
    async exported(since) {
      const generations: Generation[] = [];
      const all = usage.exportUsage(ExportUsageRequest.fromPartial(since === undefined ? {} : { filter: { startTime: since } }), bearer(token));
      for await (const { generation } of all as AsyncIterable<ExportUsageResponse>) if (generation !== undefined) generations.push(generation);
      return generations;
    },
    quota: async () => (await call(usage, Rpc.getQuota, { client: '' }, token)).response?.windows ?? [],
    async kill() {
      spawned.child.kill('SIGKILL');
      await spawned.exit;
    },
  };
}
