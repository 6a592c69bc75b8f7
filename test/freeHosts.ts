/** Addresses for servers that a test starts. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Addresses on this machine at which nobody listens. */
export async function freeHosts(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const hosts = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return hosts;
}
