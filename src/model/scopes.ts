/** Variables by the beginnings of their names, as TensorFlow's get_collection takes a scope. */
import { UsageError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { nearestNames } from '../nearestNames.ts';
import { isWithin, scopeOf } from './head.ts';

/** What a flag takes beside beginnings of names. */
const namedScopes = ['all', 'head'] as const;

/** Whether the name of a variable is in a scope. @throws UsageError  for one that is no regular expression */
function matcherOf(
  flag: string,
  scope: string,
  head: readonly string[],
): (name: string) => boolean {
  if (scope === 'all') return () => true;
  if (scope === 'head') return (name) => head.some((each) => isWithin(name, each));
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${scope})`);
  } catch (error) {
    throw new UsageError(`${flag}: got "${scope}" (${(error as Error).message}).`);
  }
  return (name) => pattern.test(name);
}

/** The variables in one scope. @throws UsageError  when there are none */
function inScope(
  flag: string,
  scope: string,
  variables: readonly Variable[],
  head: readonly string[],
): readonly Variable[] {
  const matches = matcherOf(flag, scope, head);
  const matching = variables.filter(({ name }) => matches(name));
  if (matching.length > 0) return matching;
  const known = new Set(variables.map(({ name }) => scopeOf(name)));
  const nearest = nearestNames(scope, known, 3).join(', ');
  throw new UsageError(
    `${flag}: got "${scope}"; expected ${namedScopes.join(', ')}, or the beginning of variables' names, such as ${nearest}.`,
  );
}

/**
 * The variables that --trainable_scopes chooses.
 *
 * @param scopes  beginnings of names as regular expressions, 'head' or 'all'; none for all
 * @param head    what the scope 'head' stands for
 * @throws UsageError  for a scope that is no regular expression, or that no variable is in
 */
export function inScopes(
  variables: readonly Variable[],
  scopes: readonly string[],
  head: readonly string[],
): readonly Variable[] {
  if (scopes.length === 0) return variables;
  const chosen = new Set(
    scopes.flatMap((scope) => inScope('--trainable_scopes', scope, variables, head)),
  );
  return variables.filter((variable) => chosen.has(variable));
}

/** Whether some scopes choose the head alone. */
export function isHeadAlone(scopes: readonly string[] = []): boolean {
  return scopes.length > 0 && scopes.every((scope) => scope === 'head');
}

/**
 * The factors by which --learning_rate_scopes multiplies the learning rate.
 *
 * @param variables  that are trained
 * @param scopes     SCOPE=FACTOR, the scopes as `inScopes` takes them; of several that fit, the last counts
 * @returns          by variable; 1 for those that are not in it
 * @throws UsageError  for another form, a factor that is no number above 0, or a scope that no variable is in
 */
export function learningRateFactors(
  variables: readonly Variable[],
  scopes: readonly string[],
  head: readonly string[],
): ReadonlyMap<Variable, number> {
  const flag = '--learning_rate_scopes';
  const factors = new Map<Variable, number>();
  for (const entry of scopes) {
    const [, scope, text] = /^(.+)=([^=]+)$/.exec(entry) ?? [];
    const factor = Number(text);
    if (scope === undefined || !Number.isFinite(factor) || factor <= 0) {
      throw new UsageError(`${flag}: got "${entry}"; expected SCOPE=FACTOR, such as head=10.`);
    }
    for (const variable of inScope(flag, scope, variables, head)) factors.set(variable, factor);
  }
  return factors;
}
