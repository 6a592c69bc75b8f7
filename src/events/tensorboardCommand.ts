/** How to look at a log. */

/** A path as a word for the shell: quoted where it has to be, and none that programs take for a flag. */
function shellWord(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Values of a tag that TensorBoard keeps by itself, by the loader that keeps fewer; of longer series
 * it takes a random choice. 0 would show none, whatever its help says.
 */
const keptByDefault: Readonly<Record<string, number>> = {
  images: 10,
  scalars: 1000,
  text: 10,
  histograms: 100,
  pr_curves: 100,
};

/**
 * The command that shows a log in full.
 *
 * @param logdir         folder of one or more runs
 * @param longestSeries  values of the tag that has most, by plugin
 */
export function tensorboardCommand(
  logdir: string,
  longestSeries: Readonly<Record<string, number>>,
): string {
  const samples = Object.entries(keptByDefault)
    .filter(([plugin, kept]) => (longestSeries[plugin] ?? 0) > kept)
    .map(([plugin]) => `${plugin}=${longestSeries[plugin]}`);
  const option = samples.length > 0 ? ` --samples_per_plugin ${samples.join(',')}` : '';
  return `tensorboard --logdir ${shellWord(logdir)}${option}`;
}
