import { CliError, exitCode } from './cli-error.ts';
import type { CliHost, LostRecords } from './cli-host.ts';
import type { Console } from './console.ts';
import { refuseSystemHome } from './prepare-home.ts';
import { refuseElsewhere } from './stop.ts';

const at = (time: number): string => new Date(time).toISOString();

function between({ after, before }: LostRecords): string {
  if (after !== undefined && before !== undefined) return `, between ${at(after)} and ${at(before)}`;
  if (after !== undefined) return `, after ${at(after)}`;
  return before === undefined ? '' : `, before ${at(before)}`;
}

const lossLine = (loss: LostRecords): string => `  ${loss.path}, byte ${loss.offset}${loss.bytes > 0 ? `, ${loss.bytes} bytes` : ''}: ${loss.what}${between(loss)}`;

/** The most places that are listed for people; `--json` has them all. */
const maxListed = 20;

/** Makes the records of this home usable again. Needs no daemon, and refuses while one runs. */
export async function recover(options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  refuseElsewhere('recover', host);
  refuseSystemHome(host);
  const recovery = await host.recoverJournal();
  if (recovery.problem !== undefined) throw new CliError(exitCode.refused, recovery.problem);
  const { changed, kept, lost, aside } = recovery;
  if (options.json === true) {
    await console.out.write(`${JSON.stringify({ changed, kept, lost, aside })}\n`);
    return exitCode.done;
  }
  const records = `${kept} record${kept === 1 ? '' : 's'}`;
  await console.out.write(changed ? `The journal was damaged. ${records} could be kept, and what is wrong is this:\n` : `The journal is whole: ${records}. Nothing of it was changed.\n`);
  for (const loss of lost.slice(0, maxListed)) await console.out.write(`${console.safe(lossLine(loss))}\n`);
  if (lost.length > maxListed) await console.out.write(`  and ${lost.length - maxListed} more places; --json lists them all\n`);
  for (const path of aside) await console.out.write(`${console.safe(`Put aside: ${path}`)}\n`);
  if (changed || aside.length > 0) console.say('tollgate: Start the daemon again: `tollgate start`.');
  return exitCode.done;
}
