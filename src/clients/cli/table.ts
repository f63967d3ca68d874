export interface Column {
  readonly head: string;
  /** Unset is left. */
  readonly align?: 'left' | 'right';
}

/** Rows under a head, without lines around them. Each line ends with a line feed. */
export async function table(columns: readonly Column[], rows: readonly (readonly string[])[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const lines = new Table({
    head: columns.map(({ head }) => head),
    chars: {
      top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
      left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: columns.map(({ align = 'left' }) => align),
  });
  lines.push(...rows.map((row) => [...row]));
  return lines.toString().split('\n').map((line) => `${line.trimEnd()}\n`).join('');
}
