import type { SetKeyRequest } from '../../gen/tollgate/v1/keys_service.ts';
import { changeSettings, settingsBefore, type SettingChanges } from '../config/change-settings.ts';
import type { Config } from '../config/config.ts';
import type { ConfigEditor } from '../config/config-editor.ts';
import { ConfigError } from '../config/config-error.ts';
import { Failure, invalidRequest } from '../failure.ts';
import { checkKey, type KeyCheck } from '../keys/check-key.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Registry } from '../plugins/registry.ts';
import { Secret } from '../secret.ts';
import { checkKeyText, checkLabel } from './check-key-fields.ts';
import { configFailure } from './config-failure.ts';
import { findInstance } from './find-instance.ts';
import type { CallScope } from './serve.ts';
import { Violations } from './violations.ts';

export interface SetKeyParts {
  readonly secrets: KeyRing;
  readonly registry: () => Registry;
  /** The providers of a config that is not in force yet. */
  readonly registryOf: (config: Config) => Registry;
  readonly configEditor: ConfigEditor;
}

const MAX_SETTINGS = 64;
const MAX_NAME_BYTES = 64;
const MAX_VALUE_BYTES = 4096;

/** Before anything goes through them: what comes after takes its time with each. */
function checkSettingSizes(settings: SetKeyRequest['settings']): void {
  const violations = new Violations();
  const entries = Object.entries(settings);
  violations.check(entries.length <= MAX_SETTINGS, 'settings', `must have at most ${MAX_SETTINGS} entries`);
  for (const [name, value] of entries.slice(0, MAX_SETTINGS)) {
    if (!violations.check(Buffer.byteLength(name) <= MAX_NAME_BYTES, 'settings', `a name must have at most ${MAX_NAME_BYTES} bytes`)) continue;
    violations.check(Buffer.byteLength(value) <= MAX_VALUE_BYTES, `settings["${name}"]`, `must have at most ${MAX_VALUE_BYTES} bytes`);
  }
  violations.throwIfAny();
}

function checkSetKeyRequest({ provider, key, label, settings }: SetKeyRequest): void {
  const violations = new Violations();
  checkLabel(violations, label);
  if (key !== '') checkKeyText(violations, key);
  violations.check(key !== '' || Object.keys(settings).length > 0, 'key', 'give a key, or settings, or both');
  violations.check(!Object.hasOwn(settings, 'base_url'), 'settings["base_url"]', `whoever may set the address may send the keys elsewhere: write it into the config (providers.${provider}.base_url)`);
  violations.throwIfAny();
}

function checkFormat({ provider: { manifest } }: ProviderInstance, key: string): void {
  const format = manifest.key?.format ?? '';
  if (format === '' || new RegExp(format).test(key)) return;
  throw invalidRequest([{ field: 'key', description: `this does not look like a key of ${manifest.displayName} (they match ${format}): look for a cut copy, or skip the validation if it is one (skip_validation)` }]);
}

/** A setting that the provider does not take is the request's mistake, everything else that is wrong with the config is not. */
function settingsFailure(error: unknown, provider: string): unknown {
  const prefix = `providers.${provider}.settings.`;
  if (!(error instanceof ConfigError) || !error.issues.every(({ path }) => path.startsWith(prefix))) return configFailure(error);
  return invalidRequest(error.issues.map(({ path, message }) => ({ field: `settings["${path.slice(prefix.length)}"]`, description: message })));
}

/** The instance as it will be with these settings. */
async function candidateOf(name: string, changes: SettingChanges, { configEditor, registry, registryOf }: SetKeyParts): Promise<ProviderInstance> {
  const configured = findInstance(registry(), name);
  if (changes.size === 0) return configured;
  try {
    return findInstance(registryOf(await configEditor.preview((held) => changeSettings(held, name, changes))), name);
  } catch (error) {
    throw settingsFailure(error, name);
  }
}

async function writeSettings(name: string, changes: SettingChanges, editor: ConfigEditor): Promise<() => Promise<unknown>> {
  let before: SettingChanges = new Map();
  try {
    await editor.edit((held) => {
      before = settingsBefore(held, name, changes);
      return changeSettings(held, name, changes);
    });
  } catch (error) {
    throw settingsFailure(error, name);
  }
  return () => editor.edit((held) => changeSettings(held, name, before));
}

async function throwIfLocked(secrets: KeyRing): Promise<void> {
  const { locked, description } = await secrets.status();
  if (locked) throw new Failure('KEYS_LOCKED', `no key can be stored while ${description === '' ? 'the store' : description} is locked: run tollgate keys unlock`);
}

/**
 * Checks a key with its provider, writes the settings and stores the key: all of it or nothing. Returns what the provider said;
 * undefined when it was not asked.
 */
export async function setKey(request: SetKeyRequest, parts: SetKeyParts, { signal, log }: CallScope): Promise<KeyCheck | undefined> {
  const { provider: name, label, key, skipValidation } = request;
  checkSettingSizes(request.settings);
  checkSetKeyRequest(request);
  const changes = new Map(Object.entries(request.settings).map(([setting, text]) => [setting, text === '' ? undefined : text]));
  const candidate = await candidateOf(name, changes, parts);
  if (key === '') {
    await writeSettings(name, changes, parts.configEditor);
    return undefined;
  }
  const { displayName, key: keyRules } = candidate.provider.manifest;
  if (keyRules === undefined) throw invalidRequest([{ field: 'key', description: `${displayName} takes no key` }]);
  if (candidate.missingSettings.includes('base_url')) {
    throw new Failure('SETTING_MISSING', `a key of ${displayName} belongs to one address: write providers.${name}.base_url into the config first`, { metadata: { provider: name, settings: 'base_url' } });
  }
  if (!skipValidation) checkFormat(candidate, key);
  await throwIfLocked(parts.secrets);
  const check = skipValidation ? undefined : await checkKey(candidate, key, signal);
  if (check?.verdict === 'refused') throw new Failure('KEY_REJECTED', `${displayName} does not accept this key, and it was not stored: ${check.message}`, { metadata: { provider: name } });
  signal.throwIfAborted();

  const undo = changes.size === 0 ? undefined : await writeSettings(name, changes, parts.configEditor);
  try {
    await parts.secrets.set(candidate, label, new Secret(key), check?.verdict);
  } catch (error) {
    await undo?.().catch((problem: unknown) => log.error({ err: problem }, 'cannot take back the settings of a key that was not stored'));
    throw error;
  }
  return check;
}
