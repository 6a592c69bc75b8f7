/** What a verification found, for the terminal. */
import { textTable } from '../console/textTable.ts';
import type { Check } from './checks.ts';
import type { Verification } from './verification.ts';
import type { VerifiedLayer } from './verificationGraph.ts';

const exponential = (value: number) => value.toExponential(1);

/** In the order of the lines: failures last, where they are seen. */
const outcomes: readonly Check['outcome'][] = ['ok', 'unchecked', 'failed'];

/** A line for each check. */
export function checksText(checks: readonly Check[]): string {
  const ordered = [...checks].sort(
    (a, b) => outcomes.indexOf(a.outcome) - outcomes.indexOf(b.outcome),
  );
  const rows = ordered.map(({ what, outcome, error, tolerance }) => [
    outcome === 'failed' ? 'FAILED' : outcome,
    what,
    outcome === 'unchecked' ? '' : exponential(error),
    exponential(tolerance),
  ]);
  const columns = [
    { heading: '' },
    { heading: 'check' },
    { heading: 'largest error', isNumeric: true },
    { heading: 'tolerance', isNumeric: true },
  ];
  return textTable(columns, rows);
}

/** The layers to beware of, and what to do instead; empty when there are none. */
export function mixedText(layers: readonly VerifiedLayer[]): string {
  const mixed = layers.filter(({ itemSums }) => itemSums === 'mixed').map(({ name }) => name);
  if (mixed.length === 0) return '';
  const own = layers.filter(({ itemSums }) => itemSums === 'own').map(({ name }) => name);
  return [
    '',
    `The per-item sums say little at ${mixed.length} of ${layers.length} layers, behind which batch normalisation mixes the items:`,
    ...mixed.map((name) => `  ${name}`),
    `Select (--hs) by the logits or another of: ${own.join(', ')}.`,
    'Their maps C and R (--hm) can be looked at; if one of them must rank, take C alone, not C − R.',
    '',
  ].join('\n');
}

/** What follows from the checks, in a line or two. */
export function verdict({ checks, items, largestLoss }: Verification): string {
  const count = (outcome: Check['outcome']) =>
    checks.filter((check) => check.outcome === outcome).length;
  const [ok, unchecked, failed] = outcomes.map(count) as [number, number, number];
  const lines: string[] = [];
  if (unchecked > 0) {
    lines.push(
      `${unchecked} of ${checks.length} checks cannot be made on these ${items} items: what they compare is 0, or too small for float32. ` +
        `The largest loss is ${exponential(largestLoss)} nats; name an earlier checkpoint, or more items (--num_batches).`,
    );
  }
  if (failed > 0) {
    lines.push(
      `${failed} of ${checks.length} checks FAILED: the loss contributions of this network are not to be trusted.`,
    );
  } else if (unchecked === 0) lines.push(`All ${checks.length} checks hold.`);
  else if (ok > 0) lines.push(`The other ${ok} checks hold.`);
  return lines.join('\n');
}
