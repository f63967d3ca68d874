import { status, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream, type UntypedServiceImplementation } from '@grpc/grpc-js';

interface HealthRequest {
  readonly service: string;
}

interface HealthResponse {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
}

export interface HealthService {
  readonly implementation: UntypedServiceImplementation;
  /** Says NOT_SERVING from now on, and ends the watches. */
  stop(): void;
}

/** grpc.health.v1: "" is the daemon, every service by its full name. */
export function healthService(services: readonly string[]): HealthService {
  const known = new Set(['', ...services]);
  const watchers = new Set<ServerWritableStream<HealthRequest, HealthResponse>>();
  let serving = true;
  const now = (): HealthResponse => ({ status: serving ? 'SERVING' : 'NOT_SERVING' });
  return {
    implementation: {
      Check(call: ServerUnaryCall<HealthRequest, HealthResponse>, reply: sendUnaryData<HealthResponse>) {
        if (known.has(call.request.service)) reply(null, now());
        else reply({ code: status.NOT_FOUND, details: 'this daemon has no such service' });
      },
      List(_call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<{ statuses: Record<string, HealthResponse> }>) {
        reply(null, { statuses: Object.fromEntries([...known].map((name) => [name, now()])) });
      },
      Watch(call: ServerWritableStream<HealthRequest, HealthResponse>) {
        call.write(known.has(call.request.service) ? now() : { status: 'SERVICE_UNKNOWN' });
        watchers.add(call);
        call.on('cancelled', () => watchers.delete(call));
      },
    },
    stop() {
      serving = false;
      for (const call of watchers) {
        if (known.has(call.request.service)) call.write(now());
        call.end();
      }
      watchers.clear();
    },
  };
}
