import { PRESETS, type PresetName } from '../../presets.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { updateConfig } from './config.ts';
import type { Console } from './console.ts';
import { promptYes } from './prompt.ts';

export interface PresetOptions {
  /** Does not ask. */
  readonly yes?: boolean;
}

const isPreset = (name: string): name is PresetName => Object.hasOwn(PRESETS, name);

/** Writes the sections of a preset; what stood in them is replaced. */
export async function presetConfig(name: string, { yes = false }: PresetOptions, host: CliHost, console: Console): Promise<number> {
  if (!isPreset(name)) throw new CliError(exitCode.wrongUse, `There is no preset "${name}".`, `There is: ${Object.keys(PRESETS).join(', ')}.`);
  const preset = PRESETS[name];
  const sections = Object.keys(preset);
  await console.out.write(`${JSON.stringify(preset, undefined, 2)}\n`);
  if (!yes && !host.stdin.isTTY) throw new CliError(exitCode.wrongUse, 'Nobody is here to be asked. Nothing was written.', 'Add --yes to write it without a question.');
  if (!yes && !(await promptYes(`Write this to the config? It replaces what stands under ${sections.join(', ')}.`, host))) {
    console.say('Nothing was written.');
    return exitCode.done;
  }
  return updateConfig(sections, preset, `The preset ${name} is written: ${sections.join(', ')}.`, host, console);
}
