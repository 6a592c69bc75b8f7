/** The built-in networks, all loaded. */
import { loadNetwork } from '../../src/nets/factory.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { expectNetworkName, networkNames } from '../../src/nets/networkNames.ts';

const networks = new Map(
  await Promise.all(networkNames.map(async (name) => [name, await loadNetwork(name)] as const)),
);

/** @throws UsageError  when there is no such network */
export function getNetwork(name: string): NetworkDefinition {
  return networks.get(expectNetworkName(name))!;
}
