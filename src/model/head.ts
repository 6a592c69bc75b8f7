/** The head of a network: the layers that make the logits, of which each class has its own weights. */
import type { Variable } from '../graph/graph.ts';
import type { NetworkDefinition } from '../nets/network.ts';

/** The scope of a variable: its name without the last part. */
export function scopeOf(name: string): string {
  return name.includes('/') ? name.replace(/\/[^/]*$/, '') : name;
}

/** Whether a variable lies within a scope. */
export function isWithin(name: string, scope: string): boolean {
  return name === scope || name.startsWith(`${scope}/`);
}

/**
 * Scopes of the variables of a network's head: those that it names, else that of its last variable whose last
 * size is the number of classes.
 *
 * @param variables  of the network, in the order in which it makes them
 * @returns          empty when no variable is of such a size
 */
export function headScopes(
  { headScopes: named }: Pick<NetworkDefinition, 'headScopes'>,
  variables: readonly Variable[],
  numClasses: number,
): readonly string[] {
  if (named !== undefined) return named;
  const last = variables.findLast(({ shape }) => shape.at(-1) === numClasses);
  return last === undefined ? [] : [scopeOf(last.name)];
}
