import { expect } from 'vitest';
import { Setting_Type } from '../src/gen/tollgate/provider/v1/provider_service.ts';
import type { Manifest } from '../src/plugins/provider.ts';

/** What every manifest has to be. */
export function expectManifest(manifest: Manifest): void {
  expect(manifest.type).toMatch(/^[a-z0-9][a-z0-9._-]{0,63}$/);
  expect([manifest.displayName, manifest.description, manifest.version]).not.toContain('');
  for (const claim of manifest.claims) {
    expect(claim).toMatch(/^\^/);
    expect(new RegExp(claim).test('')).toBe(false);
  }
  for (const { name, type, values, defaultValue } of manifest.settings) {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(type).not.toBe(Setting_Type.UNSPECIFIED);
    if (type === Setting_Type.ENUM) expect(values).toContain(defaultValue);
  }
  expect(() => new RegExp(manifest.key?.format ?? '')).not.toThrow();
}
