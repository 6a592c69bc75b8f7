/** What a run with planted label errors says of its scores: a table, and what to expect of a list. */
import { join } from 'node:path';
import { markdownTable } from '../console/textTable.ts';
import { textSummary } from '../events/summaries.ts';
import { toCsv } from '../files/csv.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { averagePrecision, foundAmong, rankItems, wilsonInterval } from '../insitu/detection.ts';
import type { KnownItems } from '../insitu/knownItems.ts';
import { scores, suspicions } from '../insitu/scores.ts';
import type { LostWrites } from './lostWrites.ts';
import type { RunLog } from './runLog.ts';

/** Lengths of lists that people look through, beside the number of planted errors. */
const listLengths = [10, 64, 100, 1000];

/** How well one score finds the planted errors. */
interface ScoreDetection {
  readonly name: string;
  /** 0..1 */
  readonly averagePrecision: number;
  /** Planted errors among the first items, by the length of the list. */
  readonly found: ReadonlyMap<number, number>;
}

/** How well every score finds the planted errors, the best average precision first. */
function measureDetection(known: KnownItems, plantedErrors: ReadonlySet<number>): ScoreDetection[] {
  const short = listLengths.filter((length) => length <= known.table.size);
  const lengths = [...new Set([...short, plantedErrors.size])].sort((a, b) => a - b);
  return [...scores]
    .map(([name, score]) => {
      const ranking = rankItems(suspicions(score, known));
      const found = new Map(
        lengths.map((length) => [length, foundAmong(ranking, plantedErrors, length)]),
      );
      return { name, averagePrecision: averagePrecision(ranking, plantedErrors), found };
    })
    .sort((a, b) => b.averagePrecision - a.averagePrecision);
}

/** The measured scores as a Markdown table. */
function detectionTable(detections: readonly ScoreDetection[]): string {
  const lengths = [...(detections[0]?.found.keys() ?? [])];
  const headings = ['AP', ...lengths.map((length) => `P@${length}`)];
  const rows = detections.map(({ name, averagePrecision, found }) => [
    name,
    averagePrecision.toFixed(3),
    ...lengths.map((length) => (found.get(length)! / length).toFixed(3)),
  ]);
  const numbers = headings.map((heading) => ({ heading, isNumeric: true }));
  return markdownTable([{ heading: 'score' }, ...numbers], rows);
}

/**
 * What to expect of the list that a score ranks first: "of the 100 top-ranked items, expect about 97
 * to be wrong". It speaks of errors like the planted ones: as many, of the same kind.
 *
 * @param noise  how they were planted, such as "5 % symmetric"
 */
function promise({ name, found }: ScoreDetection, noise: string): string {
  const length = Math.max(...[...found.keys()].filter((candidate) => candidate <= 100));
  const count = found.get(length)!;
  const [low, high] = wilsonInterval(count, length).map((share) => Math.round(share * length));
  return (
    `of the ${length} top-ranked items by ${name}, expect about ${count} to be wrong ` +
    `(95 % interval ${low} to ${high}; measured with ${noise} label errors planted in these data)`
  );
}

/** What is reported, and where. */
export interface DetectionReportOptions {
  readonly known: KnownItems;
  /** Items with a planted wrong label. */
  readonly plantedErrors: ReadonlySet<number>;
  /** How they were planted, such as "5 % symmetric". */
  readonly noise: string;
  /** Name of the score that ranks. */
  readonly rankBy: string;
  readonly trainDir: string;
  readonly log: RunLog;
  readonly lost: LostWrites;
  /** Steps done. */
  readonly step: number;
}

/**
 * Measures every score on the planted errors and reports it: `detection.csv` in the run's folder and
 * a table in TensorBoard's Text tab.
 *
 * @returns  what to expect of the items that rank first
 */
export async function reportDetection(options: DetectionReportOptions): Promise<string> {
  const { known, plantedErrors, noise, rankBy, trainDir, log, lost, step } = options;
  const detections = measureDetection(known, plantedErrors);
  const expectation = promise(detections.find(({ name }) => name === rankBy)!, noise);
  const lengths = [...detections[0]!.found.keys()];
  const header = ['score', 'average_precision', ...lengths.map((n) => `precision_at_${n}`)];
  const rows = detections.map(({ name, averagePrecision, found }) => [
    name,
    averagePrecision,
    ...lengths.map((length) => found.get(length)! / length),
  ]);
  await lost.attempt('detection.csv', () =>
    replaceFile(join(trainDir, 'detection.csv'), toCsv(header, rows)),
  );
  const markdown =
    `${capitalized(expectation)}.\n\n${detectionTable(detections)}\n\n` +
    `${plantedErrors.size} of ${known.table.size} labels were changed (${noise} noise). ` +
    'AP is the average precision over all items, P@n the share of changed labels among the first n.\n';
  await log.write(step, [textSummary('detection/scores', markdown)]);
  return expectation;
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
