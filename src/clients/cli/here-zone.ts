/** The time zone of who reads; empty, which is the daemon's, when this machine does not say. */
export function hereZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return timeZone === 'Etc/Unknown' ? '' : timeZone;
}
