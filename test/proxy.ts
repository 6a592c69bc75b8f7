/** A proxy on this machine, for tests of downloads; and a server that can be asked through it alone. */
import { readFileSync } from 'node:fs';
import { request as ask, createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import type { TestContext } from 'node:test';
import { packageRoot } from '../src/packageRoot.ts';
import type { Handler } from './server.ts';

/** Certificate, signed by itself and good until 2120, and key of localhost and of files.test, a host which no name server knows. */
export const certificate = join(packageRoot, 'test/files/files.test.pem');

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Starts a server that answers over HTTPS as files.test. @returns its port */
export function serveTls(t: TestContext, handler: Handler): Promise<number> {
  const pem = readFileSync(certificate);
  return listen(t, createTlsServer({ cert: pem, key: pem }, handler));
}

/** What a proxy does. */
export interface ProxyOptions {
  /** Where it finds whatever host it is asked for: a port of this machine. */
  readonly port: number;
  /** "NAME:PASSWORD" that it asks for. */
  readonly credentials?: string;
  /** Whether it is asked over TLS itself. */
  readonly isEncrypted?: boolean;
  /** The status by which it refuses all that may ask. */
  readonly refusal?: number;
}

/**
 * Starts a proxy.
 *
 * @returns  its host and port, and what it was asked for, such as "GET http://files.test/file" or
 *           "CONNECT files.test:443", with its answer where that was a refusal
 */
export async function serveProxy(
  t: TestContext,
  { port, credentials, isEncrypted = false, refusal }: ProxyOptions,
): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = [];
  const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
  /** Notes a request. @returns the status that refuses it */
  const refuse = ({ method, url, headers }: IncomingMessage): number | undefined => {
    const status = headers['proxy-authorization'] === wanted ? refusal : 407;
    asked.push(`${method} ${url}${status === undefined ? '' : ` ${status}`}`);
    return status;
  };
  const forward: Handler = (request, response) => {
    const status = refuse(request);
    if (status !== undefined) {
      response.writeHead(status).end('a page of the proxy');
      return;
    }
    const { pathname } = new URL(request.url!);
    const { 'proxy-authorization': _, ...headers } = request.headers;
    ask({ port, path: pathname, headers }, (answer) => {
      // Where the answer breaks off, this one does behind what came before.
      response.writeHead(answer.statusCode!, { ...answer.headers, connection: 'close' });
      answer.on('data', (bytes) => response.write(bytes));
      answer.on('error', () => {}).on('close', () => response.end());
    }).end();
  };
  const pem = readFileSync(certificate);
  const server = isEncrypted
    ? createTlsServer({ cert: pem, key: pem }, forward)
    : createServer(forward);
  server.on('connect', (request, socket) => {
    const status = refuse(request);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 4\r\n\r\npage`);
      return;
    }
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      pipeline(target, socket, target, () => {});
    });
    t.after(() => target.destroy());
  });
  return { host: `127.0.0.1:${await listen(t, server)}`, asked };
}
