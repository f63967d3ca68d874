import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { BadRequest, ErrorInfo, RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { GenerationFailure } from '../../src/gen/tollgate/v1/generate_service.ts';
import { readStatus } from '../../src/clients/typescript/read-status.ts';
import { TollgateError } from '../../src/clients/typescript/tollgate-error.ts';

function detail(type: string, message: { finish(): Uint8Array }): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(message.finish()) };
}

function serviceError(code: number, details: string, ...any: { typeUrl: string; value: Buffer }[]): unknown {
  const metadata = new Metadata();
  if (any.length > 0) metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, message: details, details: any }).finish()));
  return Object.assign(new Error(details), { code, details, metadata });
}

describe('readStatus', () => {
  it('reads reason, metadata, retry, violations and failure out of the details', () => {
    const error = readStatus(serviceError(
      status.RESOURCE_EXHAUSTED, 'slow down',
      detail('google.rpc.ErrorInfo', ErrorInfo.encode({ reason: 'RATE_LIMITED', domain: 'tollgate', metadata: { provider: 'openai', retryable: 'true' } })),
      detail('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay: { seconds: 2n, nanos: 500_000_000 } })),
      detail('google.rpc.BadRequest', BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [{ field: 'top_p', description: 'too large' }] }))),
      detail('tollgate.v1.GenerationFailure', GenerationFailure.encode(GenerationFailure.fromPartial({ generationId: 'g1', partial: true }))),
    ));
    expect(error).toBeInstanceOf(TollgateError);
    expect(error).toMatchObject({
      reason: 'RATE_LIMITED', code: 'RESOURCE_EXHAUSTED', message: 'slow down', retryable: true, retryAfterMs: 2500,
      metadata: { provider: 'openai' }, violations: [{ field: 'top_p', description: 'too large' }],
    });
    expect(error.failure).toMatchObject({ generationId: 'g1', partial: true });
  });

  it('believes the daemon about retryable rather than the code', () => {
    const info = ErrorInfo.encode({ reason: 'PROVIDER_UNAVAILABLE', domain: 'tollgate', metadata: { retryable: 'false' } });
    expect(readStatus(serviceError(status.UNAVAILABLE, '', detail('google.rpc.ErrorInfo', info))).retryable).toBe(false);
  });

  it('skips details of a kind that it does not know', () => {
    const error = readStatus(serviceError(status.NOT_FOUND, 'gone', { typeUrl: 'type.googleapis.com/other.v9.New', value: Buffer.from([1, 2]) }));
    expect(error).toMatchObject({ reason: 'NOT_FOUND', code: 'NOT_FOUND', message: 'gone' });
  });

  it('keeps the status when its details are damaged', () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
    const error = readStatus(Object.assign(new Error('x'), { code: status.INTERNAL, details: 'broken', metadata }));
    expect(error).toMatchObject({ reason: 'INTERNAL', message: 'broken', retryable: false });
  });

  it.each([
    [status.UNAVAILABLE, 'DAEMON_UNREACHABLE'], [status.CANCELLED, 'CANCELLED'], [status.DEADLINE_EXCEEDED, 'DEADLINE'],
    [status.UNIMPLEMENTED, 'NOT_SUPPORTED'], [status.RESOURCE_EXHAUSTED, 'RESOURCE_EXHAUSTED'],
  ])('names what the transport says with code %i as %s', (code, reason) => {
    expect(readStatus(serviceError(code, 'x')).reason).toBe(reason);
  });

  it.each([
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 0.5s', { timeoutMs: 500 }, 'No answer within 500 ms.'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 0.5s', { timeoutMs: 500, begun: true }, 'The answer was not whole within 500 ms.'],
    [status.UNAVAILABLE, 'Connection dropped', {}, 'The connection to the daemon broke: Connection dropped.'],
    [status.UNAVAILABLE, 'Connection dropped', { begun: true }, 'The daemon went away in the middle of the answer, which is not whole.'],
    [status.RESOURCE_EXHAUSTED, 'Received message larger than max (9 vs 8)', {}, 'The request has 9 bytes, which is larger than limits.max_request_bytes (8 bytes).'],
    [status.RESOURCE_EXHAUSTED, 'Received message larger than max (5000000 vs 4194304)', {}, "The daemon's answer has 5000000 bytes; this library takes 4194304 at a time."],
  ])('tells code %i "%s" of %j in words', (code, details, call, message) => {
    expect(readStatus(serviceError(code, details), call).message).toBe(message);
  });

  it("keeps the daemon's own words", () => {
    const info = ErrorInfo.encode({ reason: 'PROVIDER_UNAVAILABLE', domain: 'tollgate', metadata: {} });
    expect(readStatus(serviceError(status.UNAVAILABLE, 'ollama is not there', detail('google.rpc.ErrorInfo', info)), { begun: true }).message).toBe('ollama is not there');
  });

  it('wraps what is no status at all and keeps it as the cause', () => {
    const cause = new TypeError('no');
    expect(readStatus(cause)).toMatchObject({ reason: 'INTERNAL', message: 'no', cause });
  });
});
