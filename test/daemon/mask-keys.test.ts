import { describe, expect, it } from 'vitest';
import { holdsKey, maskKeys } from '../../src/daemon/mask-keys.ts';

describe('maskKeys', () => {
  it.each([
    ['sk-proj-8vC2bBomhrTAF29mtdMLBM92tK5gpLb6'],
    ['sk-or-v1-0a1b2c3d4e5f60718293a4b5c6d7e8f9'],
    ['sk-ant-api03-Td3kJkLOyDFuEiqioxQ7179twTruLIvv'],
    ['gsk_abcDEF0123456789abcdefX'],
    ['AIzaSyA0123456789abcdefghijklmnopqrstu'],
  ])('cuts out %s', (key) => {
    expect(maskKeys(`there is no "${key}" here`)).toBe('there is no "[key removed]" here');
    expect(holdsKey(key)).toBe(true);
  });

  it.each([
    ['openai/gpt-4o-2024-08-06'],
    ['ft:gpt-4o-mini-2024-07-18:acme::AbCdEf12'],
    ['xai-grok-4-fast-reasoning-0709'],
    ['hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M'],
    ['hf_llama_3_instruct_something_long'],
    ['risk-0a1b2c3d4e5f60718293a4b5c6d7e8f9'],
    ['0a1b2c3d4e5f60718293a4b5c6d7e8f9'],
    ['sk-…'],
  ])('leaves %s as it is', (text) => {
    expect(maskKeys(text)).toBe(text);
    expect(holdsKey(text)).toBe(false);
  });
});
