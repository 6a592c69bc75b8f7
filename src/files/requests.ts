/** Requests to web servers, through the proxies that the environment names. */
import type { Dispatcher } from 'undici';
import { UsageError } from '../errors.ts';

/** A proxy that the environment names. */
export interface Proxy {
  /** Such as "http://proxy:3128", without name and password. */
  readonly address: string;
  /** The variable that names it. */
  readonly variable: string;
  /** What shows who asks, where the variable says it. */
  readonly authorization?: string;
}

const httpVariables = ['http_proxy', 'HTTP_PROXY'];
const httpsVariables = ['https_proxy', 'HTTPS_PROXY', ...httpVariables];

/** The proxy that a variable names. @throws UsageError when it names none; without the value, which may hold a password */
function readProxy(variable: string): Proxy {
  const value = process.env[variable]!;
  try {
    const url = new URL(value.includes('://') ? value : `http://${value}`);
    const { origin, protocol, username, password, pathname, search, hash } = url;
    const isAddress = pathname + search + hash === '/' && /^https?:$/.test(protocol);
    if (!isAddress) throw new Error(value);
    const proxy = { address: origin, variable };
    if (username === '') return proxy;
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { ...proxy, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  } catch {
    throw new UsageError(
      `${variable} in the environment: names no proxy that losslens can use; expected http://HOST:PORT or ` +
        'http://NAME:PASSWORD@HOST:PORT, https:// likewise, with special characters of name and password as %XX.',
    );
  }
}

/** Whether NO_PROXY names an address: its host, a domain that it is in, or all (*), each with its port or any. */
function isExempt({ hostname, port, protocol }: URL): boolean {
  const bare = (host: string) => host.replace(/^\[|\]$/g, '');
  const list = process.env['no_proxy'] || process.env['NO_PROXY'] || '';
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const [, name = entry, ofPort] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
      if (ofPort !== undefined && ofPort !== (port || (protocol === 'https:' ? '443' : '80'))) {
        return false;
      }
      const domain = bare(name.replace(/^\*?\./, ''));
      if (domain === '') return false;
      return domain === '*' || bare(hostname) === domain || hostname.endsWith(`.${domain}`);
    });
}

/**
 * The proxy that the environment names for an address: in `https_proxy` or `http_proxy`, of which the first
 * that is not empty counts, in lower case before upper case; for `https:` the latter where there is none of
 * the former.
 *
 * @returns  undefined when the address is asked itself
 * @throws UsageError  when the variable names no proxy
 */
export function proxyOf(address: string): Proxy | undefined {
  // What is no address of the web is no address of a proxy's either: fetch says so.
  if (!/^https?:/i.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const variables = url.protocol === 'https:' ? httpsVariables : httpVariables;
  const variable = variables.find((name) => process.env[name]);
  return variable === undefined || isExempt(url) ? undefined : readProxy(variable);
}

/** What a request through a proxy failed of, in words about the proxy where it is at fault. */
function proxyFault(error: unknown): Error {
  let innermost = error as NodeJS.ErrnoException;
  while (innermost.cause instanceof Error) innermost = innermost.cause;
  const { message, code, syscall } = innermost;
  // Where no connection is made, and one is to a proxy, it is the proxy that did not answer.
  const isUnreachable =
    ['connect', 'getaddrinfo'].includes(syscall ?? '') ||
    ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT'].includes(code ?? '');
  if (isUnreachable) return new Error(`the proxy cannot be reached (${message || code})`);
  const status = /^Proxy .*\((\d{3})\)/.exec(message)?.[1];
  if (status === undefined) return innermost;
  const remedy =
    status === '407'
      ? ': expected another name and password, as in http://NAME:PASSWORD@HOST:PORT'
      : '';
  return new Error(`the proxy refused with status ${status}${remedy}`);
}

/** Asks web servers. */
export interface Requests {
  /** As the global function of the name, through the proxy of each address. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Ends what is still under way. */
  readonly close: () => Promise<void>;
}

/**
 * What takes all bytes of a response at once, and hands them on as they are asked for. Where the other side ends a
 * connection while undici waits for bytes to be taken, undici 6 and 7 throw what nobody can catch, so it never waits: what
 * comes faster than it is asked for is held in memory. How the connection ended is said behind its last bytes, as those
 * that were not read before would be lost.
 */
function takingAtOnce(handler: Dispatcher.DispatchHandlers): Dispatcher.DispatchHandlers {
  /** Calls that are due, each whether the next is wanted at once. */
  const due: (() => boolean)[] = [];
  let isWanted = true;
  const handOn = () => {
    while (isWanted && due.length > 0) isWanted = due.shift()!();
  };
  const hand = (call: () => boolean) => {
    due.push(call);
    handOn();
  };
  const ask = () => {
    isWanted = true;
    handOn();
  };
  return {
    onHeaders: (status, headers, _, text) => {
      isWanted = handler.onHeaders?.(status, headers, ask, text) !== false;
      return true;
    },
    onData: (chunk) => {
      hand(() => handler.onData?.(chunk) !== false);
      return true;
    },
    onComplete: (trailers) => {
      hand(() => {
        handler.onComplete?.(trailers);
        return false;
      });
    },
    onError: (error) => {
      hand(() => {
        handler.onError?.(error);
        return false;
      });
    },
  };
}

/**
 * Makes ready to ask web servers. Of Node's own fetch, older versions know no proxies, and newer ones throw what
 * nobody can catch when a connection ends: undici, which it is made of, is loaded when something is asked.
 */
export async function openRequests(): Promise<Requests> {
  const { Agent, DecoratorHandler, ProxyAgent, fetch: fetchThrough } = await import('undici');
  const direct = new Agent();
  const agents = new Map<string, InstanceType<typeof ProxyAgent>>();
  const agentOf = ({ address, variable, authorization }: Proxy) => {
    const agent =
      agents.get(variable) ??
      new ProxyAgent({
        uri: address,
        // Many proxies open tunnels to the port of HTTPS only.
        proxyTunnel: false,
        ...(authorization === undefined ? {} : { token: authorization }),
      });
    agents.set(variable, agent);
    return agent;
  };
  // By address, as a redirect may lead to one of another proxy.
  const dispatcher = direct.compose((dispatch) => (options, handler) => {
    const proxy = proxyOf(String(options.origin));
    const taker = Object.assign(new DecoratorHandler(handler), takingAtOnce(handler));
    return proxy === undefined ? dispatch(options, taker) : agentOf(proxy).dispatch(options, taker);
  });
  return {
    fetch: async (url, init) => {
      const proxy = proxyOf(url);
      try {
        return await fetchThrough(url, { ...init, dispatcher });
      } catch (error) {
        throw proxy === undefined ? error : proxyFault(error);
      }
    },
    close: async () => {
      await Promise.all([direct, ...agents.values()].map((agent) => agent.destroy()));
    },
  };
}
