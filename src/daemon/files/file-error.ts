import { EXIT, StartError } from '../start-error.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'This user may not use it: give it to this user, or choose another place with TOLLGATE_HOME.',
  EPERM: 'This user may not use it: give it to this user, or choose another place with TOLLGATE_HOME.',
  EROFS: 'It is on a disk that is mounted read-only: choose another place with TOLLGATE_HOME.',
  ENOSPC: 'The disk is full: make room and start again.',
  EDQUOT: 'The disk quota of this user is used up: make room and start again.',
  EISDIR: 'A directory stands where a file belongs: remove it and start again.',
  ERR_FS_EISDIR: 'A directory stands where a file belongs: remove it and start again.',
  ENOTDIR: 'A file stands where a directory belongs: remove it, or choose another place with TOLLGATE_HOME.',
  EEXIST: 'A file stands where a directory belongs: remove it, or choose another place with TOLLGATE_HOME.',
  ELOOP: 'It is a symbolic link, which is not followed here: remove it and start again.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n) and start again.',
  ENFILE: 'Too many files are open on this machine: close some programs and start again.',
};

/** The system knows a limit of watches too, and says ENOSPC for it. */
const WATCH_REMEDY = 'The system watches no more files for this user: close some programs, or raise fs.inotify.max_user_instances and max_user_watches.';

interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: unknown;
  readonly dest?: unknown;
  readonly address?: unknown;
}

const isSystemError = (error: unknown): error is SystemError => error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error && typeof error.syscall === 'string';

/** Where it went wrong: of a rename, the name that was wanted. */
const placeOf = ({ dest, path, address }: SystemError): string => [dest, path, address].find((place) => typeof place === 'string') ?? 'a file of this home';

/**
 * What the system refused, as a StartError (78) that names the path, the system's code and what to do. Every other error comes back
 * as it is. `path` is the file in question where the system's error does not name the one that matters.
 */
export function fileError(error: unknown, path?: string): unknown {
  if (!isSystemError(error)) return error;
  const remedy = error.syscall === 'watch' ? WATCH_REMEDY : REMEDIES[error.code];
  return new StartError(EXIT.DAMAGED, `${path ?? placeOf(error)} cannot be used: ${error.syscall} failed with ${error.code.replace('ERR_FS_', '')}. ${remedy ?? 'Look at it and start again, or choose another place with TOLLGATE_HOME.'}`, { cause: error });
}
