const LOOPBACK_HOST = /^(127(?:\.\d{1,3}){3}|localhost|\[::1\])$/;

/** Whether what is fetched there comes from whom it names: https:, or http: on this machine. Without user, password and "#". */
export function isSafeAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  return (protocol === 'https:' || (protocol === 'http:' && LOOPBACK_HOST.test(hostname))) && username === '' && password === '' && hash === '';
}

export const SAFE_ADDRESS = 'write an https: address, or http: on loopback, without user, password and "#"';
