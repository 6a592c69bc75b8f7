/** Preprocessing of texts: token ids of one length. */
import type { TextDataset } from '../../datasets/dataset.ts';
import { paddingId } from '../../datasets/tokens.ts';
import type { HostTensor } from '../engines/engine.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The token ids of all texts, as plain data that threads share. */
export interface TokenStore {
  readonly kind: 'tokens';
  /** Of one text after the other. */
  readonly ids: Int32Array<SharedArrayBuffer>;
  /** Where each text begins, and where the last one ends; [size + 1]. */
  readonly starts: Uint32Array;
}

/** Looks up the tokens of all texts of a data set. */
export function encodeTexts(
  { texts }: Pick<TextDataset, 'texts'>,
  vocabulary: Vocabulary,
): TokenStore {
  const encoded = texts.map((text) => vocabulary.encode(text));
  const starts = new Uint32Array(texts.length + 1);
  for (const [i, { length }] of encoded.entries()) starts[i + 1] = starts[i]! + length;
  const ids = new Int32Array(new SharedArrayBuffer(starts.at(-1)! * Int32Array.BYTES_PER_ELEMENT));
  for (const [i, tokens] of encoded.entries()) ids.set(tokens, starts[i]!);
  return { kind: 'tokens', ids, starts };
}

/**
 * Fills one row of what the graph is fed with the first tokens of one text, as many as it takes, and
 * padding behind them.
 *
 * @param feeds  as ItemMemory gives them
 */
export function padOrCut(
  { ids, starts }: TokenStore,
  itemIndex: number,
  feeds: Readonly<Record<string, HostTensor>>,
  row: number,
): void {
  const { data, shape } = feeds['token_ids']!;
  const out = data.subarray(row * shape[1]!, (row + 1) * shape[1]!);
  const start = starts[itemIndex]!;
  const end = Math.min(starts[itemIndex + 1]!, start + out.length);
  out.set(ids.subarray(start, end));
  out.fill(paddingId, end - start);
}
