/** The HTTP/2 session of a call. */
export interface CallSession {
  /** Whether its connection is gone. */
  readonly destroyed: boolean;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isSession = (value: unknown): value is CallSession => isObject(value) && 'destroyed' in value && typeof value.destroyed === 'boolean';

/**
 * gRPC says of every call that did not end well no more than that it was cancelled, and keeps to itself over which session it came: that
 * alone tells a caller that hung up from one whose connection was lost. Undefined when gRPC keeps it elsewhere: then every caller hung up.
 */
export function callSession(call: object): CallSession | undefined {
  const stream: unknown = Reflect.get(call, 'stream');
  const session = isObject(stream) && 'session' in stream ? stream.session : undefined;
  return isSession(session) ? session : undefined;
}
