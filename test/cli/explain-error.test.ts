import { describe, expect, it } from 'vitest';
import { CliError } from '../../src/clients/cli/cli-error.ts';
import { explainError } from '../../src/clients/cli/explain-error.ts';
import { TollgateError } from '../../src/clients/typescript/tollgate-error.ts';
import { readEnvironment } from '../../src/environment.ts';
import { Attempt_Outcome } from '../../src/gen/tollgate/v1/content.ts';
import { GenerationFailure } from '../../src/gen/tollgate/v1/generate_service.ts';

const bare = readEnvironment({ TOLLGATE_HOME: '/t' });

function keyMissing(): TollgateError {
  return new TollgateError({
    reason: 'KEY_MISSING', code: 'FAILED_PRECONDITION', message: 'openai has no key.', metadata: { provider: 'openai', key_env: 'OPENAI_API_KEY, OTHER_KEY' },
  });
}

describe('explainError', () => {
  it('says how to set the key that is missing', () => {
    expect(explainError(keyMissing(), bare)).toEqual({
      exitCode: 1, lines: ['tollgate: openai has no key. (KEY_MISSING)', 'Set it: `tollgate keys set openai`.'],
    });
  });

  it('says when the daemon was started without the variable that is set now', () => {
    const { lines } = explainError(keyMissing(), readEnvironment({ TOLLGATE_HOME: '/t', OTHER_KEY: 'sk-secret' }));
    expect(lines[1]).toBe('OTHER_KEY is set here, but the daemon was started without it: run `tollgate keys import`, or `tollgate restart`.');
    expect(lines.join('')).not.toContain('sk-secret');
  });

  it('says that an address of its own needs a token of its own', () => {
    const error = new TollgateError({ reason: 'TOKEN_MISSING', code: 'UNAUTHENTICATED', message: 'No token.' });
    expect(explainError(error, readEnvironment({ TOLLGATE_ADDRESS: 'far:1' })).lines[1]).toContain('set TOLLGATE_TOKEN');
    expect(explainError(error, bare).lines[1]).toContain('Unset TOLLGATE_TOKEN');
  });

  it('ends with 3 when no daemon answers, and names the address that was asked for', () => {
    const error = new TollgateError({ reason: 'DAEMON_UNREACHABLE', code: 'UNAVAILABLE', message: 'Nobody.' });
    expect(explainError(error, bare)).toEqual({ exitCode: 3, lines: ['tollgate: Nobody. (DAEMON_UNREACHABLE)'] });
    expect(explainError(error, readEnvironment({ TOLLGATE_ADDRESS: 'far:1' })).lines[1]).toBe('TOLLGATE_ADDRESS says far:1.');
  });

  it('lists the attempts when there was more than one', () => {
    const failure = GenerationFailure.fromPartial({
      attempts: [
        { provider: 'ollama', model: 'llama', outcome: Attempt_Outcome.SKIPPED, reason: 'PROVIDER_UNAVAILABLE', message: 'not there' },
        { provider: 'openai', model: 'gpt', outcome: Attempt_Outcome.FAILED, reason: 'RATE_LIMITED', message: 'slow down' },
      ],
    });
    const error = new TollgateError({ reason: 'ALL_ATTEMPTS_FAILED', code: 'UNAVAILABLE', message: 'All failed.', failure, retryAfterMs: 1200 });
    expect(explainError(error, bare).lines).toEqual([
      'tollgate: All failed. (ALL_ATTEMPTS_FAILED)',
      '  ollama/llama: not there (PROVIDER_UNAVAILABLE)',
      '  openai/gpt: slow down (RATE_LIMITED)',
      'It may work again in 2 s.',
    ]);
  });

  it('lists wrong fields that the message does not name', () => {
    const error = new TollgateError({
      reason: 'REQUEST_INVALID', code: 'INVALID_ARGUMENT', message: 'top_p: too large', violations: [{ field: 'top_p', description: 'too large' }, { field: 'top_k', description: 'too small' }],
    });
    expect(explainError(error, bare).lines).toEqual(['tollgate: top_p: too large (REQUEST_INVALID)', '  top_k: too small']);
  });

  it("shows a command's own failure with its hints", () => {
    expect(explainError(new CliError(2, 'No.', 'Do this.'), bare)).toEqual({ exitCode: 2, lines: ['tollgate: No.', 'Do this.'] });
  });
});
