const problems: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `There is no file ${path}.`,
  EACCES: (path) => `${path}: you may not read or write here. Check who owns it and its permissions.`,
  EPERM: (path) => `${path}: you may not do this here. Check who owns it and its permissions.`,
  ENOTDIR: (path) => `${path}: a part of this path is a file, not a folder. Move that file away, or use another path.`,
  EISDIR: (path) => `${path} is a folder, not a file.`,
  EEXIST: (path) => `${path} is there already and is not a folder. Move it away, or use another path.`,
  ENAMETOOLONG: (path) => `${path}: this path is too long. Use a shorter one.`,
  ELOOP: (path) => `${path}: its symbolic links go in a circle.`,
  EROFS: (path) => `${path}: this disk can only be read. Use a folder that can be written to.`,
  ENOSPC: (path) => `${path}: there is no space left. Make some room.`,
  EDQUOT: (path) => `${path}: your quota is used up. Make some room.`,
  EMFILE: (path) => `${path}: too many files are open (ulimit -n).`,
};

/** What is wrong with a file, and what to do, for people. `path` stands in where the error names none. Undefined for other errors. */
export function fileProblem(error: unknown, path?: string): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const named = 'path' in error && typeof error.path === 'string' ? error.path : path;
  return named === undefined ? undefined : problems[error.code]?.(named);
}
