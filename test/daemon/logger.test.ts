import { describe, expect, it } from 'vitest';
import { makeLogger } from '../../src/daemon/logger.ts';

describe('the log', () => {
  it('shows no key, token, prompt or reply, however deep a line holds it', () => {
    const lines: string[] = [];
    const log = makeLogger('trace', { write: (line) => void lines.push(line) });
    const error = Object.assign(new Error('boom'), { config: { key: 'canary-1' } });
    log.info({ key: 'canary-2', request: { text: 'canary-3', inner: { authorization: 'canary-4', ms: 5 } } }, 'said');
    log.error({ err: error }, 'failed');
    expect(lines.join('')).not.toContain('canary');
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ key: '[redacted]', request: { inner: { ms: 5 } }, msg: 'said' });
    expect(JSON.parse(lines[1] ?? '{}')).toMatchObject({ err: { type: 'Error', message: 'boom' } });
  });
});
