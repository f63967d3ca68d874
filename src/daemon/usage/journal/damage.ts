import { fileError } from '../../files/file-error.ts';
import { EXIT, StartError } from '../../start-error.ts';
import type { JournalPosition } from '../journal-record.ts';
import { FORMAT } from './segment-header.ts';

/** Damage that is no torn tail: where it is, and what to do. */
export const damaged = (path: string, offset: number, what: string): StartError =>
  new StartError(EXIT.DAMAGED, `${path} is damaged at byte ${offset}: ${what}. Nothing was changed. Put the file back from a backup, or run \`tollgate recover\`: it keeps every record that is whole, says what is lost and puts what is damaged aside.`);

export const missing = (path: string): StartError =>
  new StartError(EXIT.DAMAGED, `${path} is missing, and there are later ones: records are lost. Nothing was changed. Put the file back from a backup, or run \`tollgate recover\`: it goes on with the records that are there.`);

export const newer = (path: string, format: number): StartError =>
  new StartError(EXIT.DAMAGED, `${path} was written by a newer Tollgate (journal format ${format}; this one reads ${FORMAT}). Nothing was changed. Update Tollgate, or choose another home with TOLLGATE_HOME.`);

export const unreadable = (path: string, offset: number, what: string): StartError =>
  new StartError(EXIT.DAMAGED, `${path} holds, before byte ${offset}, ${what}. Nothing was changed.`);

export const unknownPosition = (dir: string, { segment, offset }: JournalPosition): StartError =>
  new StartError(EXIT.DAMAGED, `The journal in ${dir} does not hold byte ${offset} of segment ${segment}, up to which it was read before: its end is missing, or it is another journal. Put it back from a backup, or run \`tollgate recover\`: it goes on with the records that are there.`);

/** What the system refused, of a file of the journal; reads and writes do not say of which. */
export const refusedFile = (error: unknown, dir: string): unknown => fileError(error, error instanceof Error && 'path' in error ? undefined : dir);
