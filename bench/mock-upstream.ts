import { createServer, type Socket } from 'node:net';
import { mockPlan, type MockPlan } from './mock-plan.ts';

/** A provider in OpenAI's dialect that does nothing but answer: `node bench/mock-upstream.ts PORT`. The model's name says what. */
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\nCache-Control: no-cache\r\n\r\n';
const CHUNK = '{"id":"chatcmpl-mock0123456789abcdefghij","object":"chat.completion.chunk","created":1760000000,"model":"mock-2026-01-01","service_tier":"default","system_fingerprint":"fp_mock123456"';

const framed = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const event = (delta: string, finish: string): string => framed(`data: ${CHUNK},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}],"usage":null}\n\n`);

const START = event('{"role":"assistant","content":"","refusal":null}', 'null');
const PLAIN_TOKEN = event('{"content":" token"}', 'null');
const stampedToken = (): string => event(`{"content":"@@${String(process.hrtime.bigint() / 1000n).padStart(14, '0')} "}`, 'null');
const end = (tokens: number): string =>
  `${event('{}', '"stop"')}${framed(`data: ${CHUNK},"choices":[],"usage":{"prompt_tokens":25,"completion_tokens":${tokens},"total_tokens":${tokens + 25}}}\n\n`)}${framed('data: [DONE]\n\n')}0\r\n\r\n`;

function stream(socket: Socket, plan: MockPlan, done: () => void): void {
  let sent = 0;
  let prefix = HEAD + START;
  const token = plan.stamped ? stampedToken : (): string => PLAIN_TOKEN;
  const step = (): void => {
    while (!socket.destroyed) {
      let text = prefix;
      prefix = '';
      const until = plan.group === 0 ? plan.tokens : Math.min(sent + plan.group, plan.tokens);
      for (; sent < until; sent++) text += token();
      const isLast = sent >= plan.tokens;
      const fits = socket.write(isLast ? text + end(plan.tokens) : text, 'latin1');
      if (isLast) return done();
      if (plan.delayMs > 0) return void setTimeout(step, plan.delayMs);
      if (!fits) return void socket.once('drain', step);
    }
  };
  if (plan.firstMs === 0) return step();
  socket.write(HEAD, 'latin1');
  prefix = START;
  setTimeout(step, plan.firstMs);
}

function serve(socket: Socket): void {
  let received = '';
  let busy = false;
  const next = (): void => {
    if (busy) return;
    const head = received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received.slice(0, head + 2))?.[1] ?? 0);
    if (received.length < head + 4 + length) return;
    const model = /"model" *: *"([^"]*)"/.exec(received.slice(head + 4, head + 4 + length))?.[1] ?? '';
    received = received.slice(head + 4 + length);
    busy = true;
    stream(socket, mockPlan(model), () => {
      busy = false;
      next();
    });
  };
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    received += text;
    next();
  });
}

createServer(serve).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
