/** The series of a log: which steps each tag has. */
import type { SummaryValue } from './summaries.ts';

/** The plugin of TensorBoard that shows a summary: scalars, images … */
export function pluginOf({ metadata }: SummaryValue): string {
  return metadata.plugin_data?.plugin_name ?? '';
}

interface Series {
  readonly plugin: string;
  /** Ascending. */
  readonly steps: number[];
}

/** What a run's folder holds of each tag. */
export class SeriesOfTags {
  readonly #series = new Map<string, Series>();

  /** The last step of a tag; undefined before its first. */
  lastStep(tag: string): number | undefined {
    return this.#series.get(tag)?.steps.at(-1);
  }

  /** The plugin that a tag belongs to; undefined before its first value. */
  plugin(tag: string): string | undefined {
    return this.#series.get(tag)?.plugin;
  }

  /** Adds a value; it replaces those of its tag from its step on, as it does in TensorBoard. */
  add(step: number, value: SummaryValue): void {
    let series = this.#series.get(value.tag);
    if (series === undefined) {
      series = { plugin: pluginOf(value), steps: [] };
      this.#series.set(value.tag, series);
    }
    while (series.steps.length > 0 && series.steps.at(-1)! >= step) series.steps.pop();
    series.steps.push(step);
  }

  /** Drops what a run that starts again at a step is going to log anew. */
  dropFrom(step: number): void {
    for (const { steps } of this.#series.values()) {
      while (steps.length > 0 && steps.at(-1)! >= step) steps.pop();
    }
  }

  /** Values of the tag that has most, by plugin. */
  longest(): Record<string, number> {
    const longest: Record<string, number> = {};
    for (const { plugin, steps } of this.#series.values()) {
      longest[plugin] = Math.max(longest[plugin] ?? 0, steps.length);
    }
    return longest;
  }
}

/** The longest series of several runs, by plugin. */
export function longestOf(
  ...runs: readonly Readonly<Record<string, number>>[]
): Record<string, number> {
  const longest: Record<string, number> = {};
  for (const [plugin, length] of runs.flatMap((run) => Object.entries(run))) {
    longest[plugin] = Math.max(longest[plugin] ?? 0, length);
  }
  return longest;
}
