/** What opens an age file: identities (`AGE-SECRET-KEY-1…`; the first one is written for), or a passphrase. */
export type AgeKey = { readonly identities: readonly string[] } | { readonly passphrase: string };

/** What the age worker is asked to do. */
export type AgeJob =
  | { readonly kind: 'encrypt'; readonly key: AgeKey; readonly text: string }
  | { readonly kind: 'decrypt'; readonly key: AgeKey; readonly data: Uint8Array }
  | { readonly kind: 'make-identity' };

/** What comes back. `closed`: the key does not open this file. `damaged`: it is no whole age file. */
export type AgeResult =
  | { readonly kind: 'encrypted'; readonly data: Uint8Array }
  | { readonly kind: 'decrypted'; readonly text: string }
  | { readonly kind: 'identity'; readonly identity: string; readonly recipient: string }
  | { readonly kind: 'closed' }
  | { readonly kind: 'damaged'; readonly why: string };
