/** How to look at a log. */

/** A word for the shell: quoted where it has to be. */
function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The command that shows a log in full: by itself TensorBoard keeps a random ten images of each tag.
 *
 * @param logdir              folder of one or more runs
 * @param longestImageSeries  images of the tag that has most
 */
export function tensorboardCommand(logdir: string, longestImageSeries: number): string {
  const samples =
    longestImageSeries > 10 ? ` --samples_per_plugin images=${longestImageSeries}` : '';
  return `tensorboard --logdir ${shellWord(logdir)}${samples}`;
}
