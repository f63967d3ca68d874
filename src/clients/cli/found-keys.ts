/** A key that stands in plaintext somewhere. */
export interface FoundKey {
  readonly provider: string;
  readonly key: string;
  /** What it is called there: "OPENAI_API_KEY", "providers.openai.apiKey". */
  readonly name: string;
}

/** A setting that a provider needs and that stands beside its key. */
export interface FoundSetting {
  readonly provider: string;
  readonly setting: string;
  readonly value: string;
}

export interface FoundKeys {
  readonly keys: readonly FoundKey[];
  readonly settings: readonly FoundSetting[];
  /** The names of what is a key but cannot be read: encrypted by the program that wrote it. */
  readonly unreadable: readonly string[];
}

/** Electron's safeStorage and Windows' DPAPI in base64; then words that programs put before what they encrypted. */
const encrypted = /^(?:djEw|djEx|AQAAANCMnd8|(?:enc|encrypted|safe-?storage)[:_])/i;

const placeholder = /^(?:your|change|replace|insert|put|paste|todo)[-_ ]?|^<.*>$|^x+$|\.{3}|\*{3}|\u2026|\u2022/i;

/** What a text under a key's name is. Nothing: empty, or something that stands in for a key. */
export function kindOfValue(text: string): 'key' | 'unreadable' | 'nothing' {
  if (encrypted.test(text)) return 'unreadable';
  if (text.length < 8 || placeholder.test(text)) return 'nothing';
  return /^[!-~]{1,16384}$/.test(text) ? 'key' : 'nothing';
}
