/** How the workers of a cluster change the variables. */
import { isWithoutServers } from '../engines/distributed/hosts.ts';
import type { ClusterOptions } from './clusterPlace.ts';

/** One of the ways. */
export type Updating =
  /** Each worker for itself those that all share. */
  | 'each'
  /** The chief those that all share, with the gradients of all, once it has word of them. */
  | 'gathered'
  /** Each worker its own copy, all at once and alike: one that is lost keeps the others from their step. */
  | 'reduced';

/** The one that the flags ask for. */
export function updatingOf({
  sync_replicas,
  ps_hosts,
}: Pick<ClusterOptions, 'sync_replicas' | 'ps_hosts'>): Updating {
  if (isWithoutServers({ ps: ps_hosts })) return 'reduced';
  return sync_replicas ? 'gathered' : 'each';
}
