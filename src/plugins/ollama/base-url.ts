import { isIPv6 } from 'node:net';
import { ErrorClass, ProviderError } from '../provider.ts';

const DEFAULT_PORT = '11434';

/** Where a server listens on every address, a client reaches it on this machine. */
const CONNECTABLE: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['[::]', '[::1]'],
]);

/** OLLAMA_HOST without a scheme: "host", "host:port", ":port", "::1", each with or without a path. */
function withScheme(text: string): string {
  const [host = '', ...path] = text.split('/');
  const rest = path.length === 0 ? '' : `/${path.join('/')}`;
  if (host === 'ollama.com') return `https://ollama.com${rest}`;
  if (isIPv6(host)) return `http://[${host}]:${DEFAULT_PORT}${rest}`;
  const named = host.startsWith(':') || host === '' ? `127.0.0.1${host}` : host;
  return `http://${named}${/:\d+$/.test(named) ? '' : `:${DEFAULT_PORT}`}${rest}`;
}

/**
 * Reads an address as OLLAMA_HOST has it: "0.0.0.0", "host", "host:port", or a URL with or without a path. Without a scheme the
 * port is 11434 unless one stands there. Returns a URL without a slash at the end; throws a NETWORK error for no address at all.
 */
export function ollamaBaseUrl(text: string): string {
  const trimmed = text.trim();
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : withScheme(trimmed);
  if (!URL.canParse(written)) {
    throw new ProviderError(ErrorClass.NETWORK, `"${trimmed.slice(0, 100)}" is no address of an Ollama server: set base_url or OLLAMA_HOST to a URL like http://localhost:11434`);
  }
  const url = new URL(written);
  const host = CONNECTABLE.get(url.hostname) ?? url.hostname;
  const port = url.port === '' ? '' : `:${url.port}`;
  return `${url.protocol}//${host}${port}${url.pathname.replace(/\/+$/, '')}`;
}
