/** `losslens review`: a page on which people decide about the most suspicious items of a run. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Dataset } from '../../datasets/dataset.ts';
import { makeThumbnail } from '../../datasets/images/thumbnail.ts';
import type { LabelChange } from '../../datasets/labels/labelsFile.ts';
import { latestCheckpoint, stepOfCheckpoint } from '../checkpoint/checkpoints.ts';
import { selectEngine } from '../engines/select.ts';
import { UsageError } from '../errors.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { loadTrainingData } from '../input/trainingData.ts';
import { scores } from '../insitu/scores.ts';
import { Inspector } from '../inspection/inspector.ts';
import { loadNetwork } from '../nets/factory.ts';
import {
  type PageItem,
  type PageScore,
  renderReviewPage,
  reviewCsv,
} from '../review/reviewPage.ts';
import { readRankedItems, type ScoredItem } from '../runFiles/scoredItems.ts';
import { stepsPerEpoch } from '../training/schedule.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { addFlags, type FlagValues, integer, optionalText, text } from './flags.ts';
import { ofRunFlags, resolveRunFlags } from './runFlags.ts';
import type { TrainFlags } from './trainFlags.ts';

/** The score that found planted errors best over whole runs (docs/detection.md). */
const defaultRanking = 'contribution_positive_rising_mean';
/** Side of the pictures in the page at most, in pixels. */
const maxThumbnailSide = 256;

const reviewFlags = {
  Review: {
    train_dir: text('runs/train', 'folder of the run'),
    top: integer(200, 'items on the page: the most suspicious ones', { min: 1 }),
    rank_by: text(defaultRanking, 'score that chooses and sorts them, a column of items.csv'),
    num_views: integer(
      64,
      'items that get a Monitoring View of the latest checkpoint at Hm; 0 for none',
      { min: 0 },
    ),
    output_dir: optionalText('folder for review.html and review.csv; by default train_dir'),
  },
  ...ofRunFlags,
};

/** Monitoring Views by item, as data URLs, with a line on what they show. */
interface Views {
  readonly urls: ReadonlyMap<number, string>;
  readonly caption: string;
}

const noViews: Views = { urls: new Map(), caption: '' };

/** Draws the views of some items; none, with a line that says why, where there can be none. */
async function drawViews(
  flags: TrainFlags,
  folder: string,
  dataset: Dataset,
  items: readonly ScoredItem[],
): Promise<Views> {
  if (items.length === 0) return noViews;
  const without = (reason: string) => {
    process.stderr.write(`no Monitoring Views: ${reason}\n`);
    return noViews;
  };
  const checkpoint = await latestCheckpoint(folder);
  if (checkpoint === undefined) return without(`${folder} holds no checkpoint`);
  if (flags.hm.length === 0) return without('the run has no --hm');
  const { engine } = await selectEngine(flags.engine);
  const inspector = await Inspector.load(engine, dataset, {
    ...flags,
    network: await loadNetwork(flags.model_name),
    checkpoint,
    layers: flags.hm,
    batchOf: undefined,
  });
  const renderer = new ViewRenderer();
  const step = stepOfCheckpoint(checkpoint);
  const epoch = Math.ceil(step / stepsPerEpoch(dataset.items.length, flags.batch_size));
  const urls = new Map<number, string>();
  try {
    for await (const inspected of inspector.inspect(items.map(({ item }) => item))) {
      const png = await renderer.renderMonitoringView({ ...inspected, epoch, step });
      const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
      urls.set(inspected.itemIndex, url);
    }
  } finally {
    await renderer.close();
    inspector.close();
  }
  const caption = `Loss contribution (C) and reduction (R) by ${basename(checkpoint)}, without dropout and augmentation`;
  return { urls, caption };
}

/** What is seen of an item. */
async function contentOf(
  dataset: Dataset,
  item: number,
): Promise<Pick<PageItem, 'image'> | Pick<PageItem, 'text'>> {
  if (dataset.kind === 'texts') return { text: dataset.texts[item]! };
  return { image: await makeThumbnail(await dataset.image(item), maxThumbnailSide) };
}

/** The rows that a labels file had for the changes that it made. */
function previousRows(changes: readonly LabelChange[], classNames: readonly string[]) {
  return changes.map(({ itemIndex, labelBefore, label, row }) => ({
    ...row,
    item: itemIndex,
    label: label === null ? '' : classNames[label]!,
    decision: label === null ? 'drop' : 'relabel',
    old_label: row['old_label'] ?? classNames[labelBefore]!,
  }));
}

function pageScoreOf(name: string): PageScore {
  const { first = 'highest', help = name } = scores.get(name) ?? {};
  return { name, first, help };
}

async function review(given: FlagValues<typeof reviewFlags>): Promise<void> {
  const folder = given.train_dir;
  const {
    scoreNames,
    total,
    items: ranked,
  } = await readRankedItems(join(folder, 'items.csv'), given.top, (names) => {
    if (!names.includes(given.rank_by)) {
      throw new UsageError(
        `--rank_by: got "${given.rank_by}"; expected one of ${names.join(', ')}.`,
      );
    }
    return pageScoreOf(given.rank_by);
  });
  const { rank_by, num_views, output_dir, top: _, ...ofRun } = given;
  const flags = await resolveRunFlags(folder, ofRun);
  const { dataset, labelChanges } = await loadTrainingData(flags);
  const views = await drawViews(flags, folder, dataset, ranked.slice(0, num_views));
  const items: PageItem[] = [];
  for (const item of ranked) {
    const view = views.urls.get(item.item);
    items.push({
      ...item,
      ...(await contentOf(dataset, item.item)),
      ...(view === undefined ? {} : { view }),
    });
  }
  const identity = [resolve(folder), dataset.name, dataset.split, [...dataset.labels]];
  const page = await renderReviewPage({
    id: createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16),
    title: basename(resolve(folder)),
    description: `${items.length} of ${total} items of ${dataset.name} ${dataset.split}, the most suspicious by ${rank_by}; ${flags.model_name}, ${folder}`,
    classes: dataset.classNames,
    scores: scoreNames.map(pageScoreOf),
    sortBy: rank_by,
    viewCaption: views.caption,
    items,
    previous: previousRows(labelChanges, dataset.classNames),
  });
  const target = output_dir ?? folder;
  await mkdir(target, { recursive: true });
  await replaceFile(join(target, 'review.html'), page);
  await replaceFile(join(target, 'review.csv'), reviewCsv(ranked, scoreNames));
  process.stdout.write(
    `${join(target, 'review.html')}: ${items.length} items; open it in a browser, save labels.csv, and train again with --labels_file=labels.csv\n`,
  );
}

/** @returns the command, for the program to add */
export function reviewCommand(): Command {
  const command = new Command('review').description(
    'Write a page on which to keep, relabel or drop the most suspicious items of a run, and the same as CSV.',
  );
  return addFlags(command, reviewFlags).action(review);
}
