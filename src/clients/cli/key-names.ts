import type { Provider } from '../../gen/tollgate/v1/keys_service.ts';

/** A setting that a provider cannot be called without. */
export interface NamedSetting {
  readonly provider: string;
  readonly setting: string;
}

/** Which names in other programs' files mean a key or a needed setting of a provider. Case and the signs between words do not count. */
export interface KeyNames {
  /** The provider that this names, also with "AI" behind its name. */
  providerOf(name: string): string | undefined;
  /** The provider whose key this names: "OPENAI_API_KEY", "openaiApiKey". */
  providerOfKey(name: string): string | undefined;
  /** "CLOUDFLARE_ACCOUNT_ID", or "accountId" of that provider. */
  settingOf(name: string, provider?: string): NamedSetting | undefined;
}

const keyWord = /(?:api|secret|access|auth)?(?:key|token|secret)s?$/;

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Whether a name says that a key, or keys, stand there, without saying whose: "apiKey", "token", "keys". */
export function isKeyWord(name: string): boolean {
  return plain(name).replace(keyWord, '') === '' && plain(name) !== '';
}

export function keyNames(providers: readonly Provider[]): KeyNames {
  const found = new Map<string, string>();
  for (const { name, keys } of providers) {
    // A variable may bear another name than its provider does.
    for (const variable of keys.flatMap(({ envName }) => envName.split(/[\s,]+/))) {
      const stem = plain(variable).replace(keyWord, '');
      if (stem !== '') found.set(stem, name);
    }
  }
  for (const { name } of providers) found.set(plain(name), name);
  const settings = providers.flatMap(({ name, availableSettings }) => (
    availableSettings.filter(({ required }) => required).map((setting) => ({ provider: name, setting: setting.name }))
  ));

  function byStem(stem: string): string | undefined {
    return found.get(stem) ?? (stem.endsWith('ai') ? found.get(stem.slice(0, -2)) : undefined);
  }

  return {
    providerOf: (name) => byStem(plain(name)),
    providerOfKey(name) {
      const whole = plain(name);
      const stem = whole.replace(keyWord, '');
      return stem === whole ? undefined : byStem(stem);
    },
    settingOf: (name, provider = '') => settings.find((candidate) => (
      plain(candidate.provider + candidate.setting) === plain(name) || (candidate.provider === provider && plain(candidate.setting) === plain(name))
    )),
  };
}
