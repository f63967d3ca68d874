/** Whom a load calls: the mock itself, nginx before it, the daemon before it, or the same daemon without its books. */
export type Target = 'direct' | 'nginx' | 'tollgate' | 'no books';

/** What one load run gave. Times in milliseconds, cost in microseconds; NaN is not seen. */
export interface Measure {
  readonly streamsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
  readonly tokenP50Ms: number;
  readonly tokenP99Ms: number;
  readonly cpuUsPerStream: number;
  readonly cpuUsPerToken: number;
  readonly rssMb: number;
  readonly errors: number;
  /** How busy the core of mock and generator was, in percent: near 100 the gateway was not the limit. */
  readonly generatorCpuPercent: number;
}

/** A number that is judged: computed in each round, then the median is taken. */
export interface Goal {
  readonly title: string;
  readonly unit: '×' | ' ms' | ' KB' | ' MB';
  readonly must: number;
  readonly goal: number;
  readonly better: 'more' | 'less';
  /** `at` gives what a load of the same round measured, by its label. */
  readonly of: (at: (label: string) => Measure) => number;
}

export interface Load {
  readonly label: string;
  readonly target: Target;
  readonly concurrency: number;
}

/** Closed loops of one kind of stream, against each target in turn. */
export interface LoadScenario {
  readonly kind: 'load';
  readonly name: string;
  readonly title: string;
  /** The mock's model. */
  readonly model: string;
  readonly loads: readonly Load[];
  /** How long one load is measured. */
  readonly seconds: number;
  /** How long it runs before that, in each round. */
  readonly settleSeconds: number;
  /** Over how long the first streams are spread, so that paced tokens do not come in step. */
  readonly spreadMs: number;
  /** Connections of gRPC; HTTP/1.1 has one per stream. */
  readonly connections: number;
  /** Only our own generator sees the first token through gRPC; `lg` takes the first message, which has no token. */
  readonly firstToken: boolean;
  readonly goals: readonly Goal[];
}

/** Resident memory of a daemon with many slow streams open, less what it had with none. */
export interface MemoryScenario {
  readonly kind: 'memory';
  readonly name: string;
  readonly title: string;
  readonly model: string;
  readonly streams: number;
  readonly connections: number;
  readonly seconds: number;
  readonly spreadMs: number;
  readonly must: number;
  readonly goal: number;
}

/** From spawn to serving, against a bare Node http server. */
export interface StartScenario {
  readonly kind: 'start';
  readonly name: string;
  readonly title: string;
  readonly starts: number;
  readonly must: number;
  readonly goal: number;
}

export interface Bounds {
  readonly must: number;
  readonly goal: number;
}

/** How long the books hold a generation up, inside a daemon under load. */
export interface BooksScenario {
  readonly kind: 'books';
  readonly name: string;
  readonly title: string;
  readonly model: string;
  readonly concurrency: number;
  readonly connections: number;
  readonly seconds: number;
  readonly settleSeconds: number;
  readonly spreadMs: number;
  /** Of reserve and settle together. */
  readonly p50: Bounds;
  readonly p99: Bounds;
  /** Of what is before the first token, p50. */
  readonly firstToken: Bounds;
}

/** What the length of the journal costs: at the start, and for a call. */
export interface LedgerScenario {
  readonly kind: 'ledger';
  readonly name: string;
  readonly title: string;
  /** The lengths, the shortest first. */
  readonly records: readonly number[];
  /** Until the daemon serves, in ms. */
  readonly ready: readonly (Bounds & { readonly records: number })[];
  readonly growth: Bounds;
  readonly snapshotMb: Bounds;
  readonly stallMs: Bounds;
}

export type Scenario = LoadScenario | MemoryScenario | StartScenario | BooksScenario | LedgerScenario;

const three = (concurrency: number): readonly Load[] => [
  { label: 'direct', target: 'direct', concurrency },
  { label: 'nginx', target: 'nginx', concurrency },
  { label: 'tollgate', target: 'tollgate', concurrency },
];

const saturating = { kind: 'load', seconds: 4, settleSeconds: 1, spreadMs: 0, connections: 8, firstToken: false } as const;
/** With the books and without, by turns. */
const both: readonly Load[] = [
  { label: 'tollgate', target: 'tollgate', concurrency: 64 },
  { label: 'no books', target: 'no books', concurrency: 64 },
];
const ofBoth = (at: (label: string) => Measure): number => at('tollgate').streamsPerSecond / at('no books').streamsPerSecond;

/** 50 tokens a second each. */
const paced = { kind: 'load', model: 'mock-n100-d20-t100-g1-x1', seconds: 6, settleSeconds: 3, spreadMs: 2000, connections: 8 } as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...saturating,
    name: 'saturated',
    title: '64 concurrent streams of 100 tokens, as fast as they go',
    model: 'mock-n100-g1',
    loads: three(64),
    goals: [{ title: 'saturated: streams/s ÷ nginx', unit: '×', must: 0.8, goal: 1, better: 'more', of: (at) => at('tollgate').streamsPerSecond / at('nginx').streamsPerSecond }],
  },
  {
    ...saturating,
    name: 'short',
    title: '64 concurrent answers of one delta',
    model: 'mock-n1-g0',
    loads: three(64),
    goals: [{ title: 'short answers: answers/s ÷ nginx', unit: '×', must: 0.12, goal: 0.17, better: 'more', of: (at) => at('tollgate').streamsPerSecond / at('nginx').streamsPerSecond }],
  },
  {
    ...paced,
    name: 'paced',
    title: '256 concurrent streams at 50 tokens/s each',
    loads: three(256),
    firstToken: false,
    goals: [
      { title: '256 paced streams: CPU per token ÷ nginx', unit: '×', must: 3, goal: 2.5, better: 'less', of: (at) => at('tollgate').cpuUsPerToken / at('nginx').cpuUsPerToken },
      { title: '256 paced streams: token latency p99', unit: ' ms', must: 25, goal: 10, better: 'less', of: (at) => at('tollgate').tokenP99Ms },
    ],
  },
  {
    ...paced,
    name: 'first-token',
    title: '64 concurrent streams at 50 tokens/s each: the first token',
    loads: three(64),
    firstToken: true,
    goals: [{ title: '64 paced streams: first token added, p50', unit: ' ms', must: 1.5, goal: 1, better: 'less', of: (at) => at('tollgate').ttftP50Ms - at('direct').ttftP50Ms }],
  },
  {
    ...saturating,
    name: 'scale',
    title: '256 concurrent streams of 100 tokens against 64',
    model: 'mock-n100-g1',
    loads: [
      { label: 'tollgate c=64', target: 'tollgate', concurrency: 64 },
      { label: 'tollgate c=256', target: 'tollgate', concurrency: 256 },
    ],
    goals: [{ title: '256 concurrent ÷ 64 concurrent', unit: '×', must: 0.8, goal: 0.95, better: 'more', of: (at) => at('tollgate c=256').streamsPerSecond / at('tollgate c=64').streamsPerSecond }],
  },
  { kind: 'memory', name: 'memory', title: '1,000 open streams at 2 tokens/s each', model: 'mock-n100-d500-g1-x1', streams: 1000, connections: 20, seconds: 8, spreadMs: 3000, must: 45, goal: 40 },
  { kind: 'start', name: 'start', title: 'from spawn to serving', starts: 11, must: 4, goal: 3 },
  {
    ...saturating,
    name: 'books',
    title: '64 concurrent streams of 100 tokens, with the books and without',
    model: 'mock-n100-g1',
    loads: both,
    goals: [{ title: 'streams/s with the books ÷ without', unit: '×', must: 0.95, goal: 1, better: 'more', of: ofBoth }],
  },
  {
    ...saturating,
    name: 'books-short',
    title: '64 concurrent answers of one delta, with the books and without',
    model: 'mock-n1-g0',
    loads: both,
    goals: [{ title: 'short answers/s with the books ÷ without', unit: '×', must: 0.8, goal: 0.95, better: 'more', of: ofBoth }],
  },
  { ...paced, kind: 'books', name: 'reserve-settle', title: '64 concurrent streams at 50 tokens/s each: how long the books hold one up', concurrency: 64, p50: { must: 2, goal: 1 }, p99: { must: 15, goal: 5 }, firstToken: { must: 3, goal: 1 } },
  {
    kind: 'ledger',
    name: 'ledger',
    title: 'what the length of the journal costs',
    records: [1000, 10_000, 100_000, 1_000_000],
    ready: [
      { records: 100_000, must: 2000, goal: 1000 },
      { records: 1_000_000, must: 10_000, goal: 5000 },
    ],
    growth: { must: 1.2, goal: 1.1 },
    snapshotMb: { must: 1, goal: 0.5 },
    stallMs: { must: 50, goal: 10 },
  },
];
