import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../secret.ts';

const hashOf = (salt: string, secret: Secret): Buffer => createHash('sha256').update(salt).update(secret.reveal()).digest();

/** Tells a key again without telling it: a random salt, and sha256 of salt and key. */
export function fingerprintOf(secret: Secret): string {
  const salt = randomBytes(16).toString('hex');
  return `${salt}.${hashOf(salt, secret).toString('hex')}`;
}

/** Whether one of the fingerprints is of this key. */
export const isOneOf = (fingerprints: readonly string[], secret: Secret): boolean =>
  fingerprints.some((fingerprint) => {
    const [salt = '', hash = ''] = fingerprint.split('.');
    const [known, found] = [Buffer.from(hash, 'hex'), hashOf(salt, secret)];
    return known.length === found.length && timingSafeEqual(known, found);
  });
