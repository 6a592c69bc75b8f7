/** The layers that a run looks at. */

/**
 * Hm and Hs, each once: what is looked at of a run unless layers are named.
 *
 * @param run  hs undefined for the logits, empty for none
 */
export function layersOfRun({
  hs,
  hm,
}: {
  readonly hs: string | undefined;
  readonly hm: readonly string[];
}): readonly string[] {
  return [...new Set([...hm, ...(hs ? [hs] : [])])];
}
