/** A web server on this machine, for tests of downloads. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** Answers a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine; its requests by path are counted. */
export async function serve(
  t: TestContext,
  handlers: Readonly<Record<string, Handler>>,
): Promise<{ base: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? ''}`);
    const handler = handlers[request.url ?? ''];
    if (handler === undefined) response.writeHead(404).end();
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/**
 * Gives the part that is asked for, as servers do.
 *
 * @param end  byte before which the connection breaks off
 */
export function sendPart(
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  end?: number,
) {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(206, {
    'content-length': bytes.length - start,
    'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
  });
  if (end === undefined) response.end(bytes.subarray(start));
  else response.write(bytes.subarray(start, end), () => response.destroy());
}
