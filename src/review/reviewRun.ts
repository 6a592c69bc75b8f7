/** One run of `losslens review`: from the scores of a run to a page on which people decide. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { makeThumbnail } from '../../datasets/images/thumbnail.ts';
import type { LabelDecision } from '../../datasets/labels/labelsFile.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { ownName, replaceFileByParts } from '../files/replaceFile.ts';
import { loadRunData, type RunDataOptions } from '../input/runData.ts';
import { reviewScores, scores } from '../insitu/scores.ts';
import { wrongLabelsText } from '../insitu/wrongLabels.ts';
import { rankedItemsOfRun } from '../runFiles/rankedItems.ts';
import { readRunRecord } from '../runFiles/runRecord.ts';
import type { ScoredItem } from '../runFiles/scoredItems.ts';
import { expectItemsOfRun } from './itemsOfRun.ts';
import { type PageItem, type PageScore, renderReviewPage, reviewCsv } from './reviewPage.ts';
import { drawViews, type ReviewViewOptions, type ReviewViews } from './reviewViews.ts';

/** Side of the pictures in the page at most, in pixels. */
const maxThumbnailSide = 256;
/** Labels that are made into text at once. */
const labelsPerPart = 65_536;

/** The flags of `losslens review`. */
export interface ReviewOptions extends RunDataOptions, ReviewViewOptions {
  /** Items on the page. */
  readonly top: number;
  /** Name of the score that chooses and sorts them; by default as `rankedItemsOfRun` has it. */
  readonly rank_by: string | undefined;
  /** Items that get a Monitoring View. */
  readonly num_views: number;
  /** Folder for the page and the table; undefined for that of the run. */
  readonly output_dir: string | undefined;
}

function pageScoreOf(name: string): PageScore {
  const { first = 'highest', help = name } = scores.get(name) ?? {};
  return { name, first, help };
}

/** What is seen of an item. */
async function contentOf(
  dataset: Dataset,
  item: number,
): Promise<Pick<PageItem, 'image'> | Pick<PageItem, 'text'>> {
  if (dataset.kind === 'texts') return { text: dataset.texts[item]! };
  return { image: await makeThumbnail(await dataset.image(item), maxThumbnailSide) };
}

async function* pageItems(
  dataset: Dataset,
  items: readonly ScoredItem[],
  { urls }: ReviewViews,
  signal: AbortSignal,
): AsyncGenerator<PageItem, void, undefined> {
  for (const item of items) {
    signal.throwIfAborted();
    const view = urls.get(item.item);
    const content = await contentOf(dataset, item.item);
    yield { ...item, ...content, ...(view === undefined ? {} : { view }) };
  }
}

/** The rows of the labels file that the run was trained with. */
function previousRows(decisions: readonly LabelDecision[]) {
  return decisions.map(({ itemIndex, labelBefore, label, row }) => ({
    ...row,
    item: itemIndex,
    label: label ?? '',
    decision: label === null ? 'drop' : label === labelBefore ? 'keep' : 'relabel',
    old_label: row['old_label'] ?? labelBefore,
  }));
}

/** The same for the same run with the same labels: then decisions that a browser has go on. */
function pageId(folder: string, { name, split, labels }: Dataset): string {
  const hash = createHash('sha256');
  const run = JSON.stringify([realpathSync(folder), name, split]);
  hash.update(`${run.slice(0, -1)},[`);
  for (let first = 0; first < labels.length; first += labelsPerPart) {
    hash.update(
      `${first > 0 ? ',' : ''}${labels.subarray(first, first + labelsPerPart).join(',')}`,
    );
  }
  return hash.update(']]').digest('hex').slice(0, 16);
}

/**
 * Writes `review.html` and `review.csv`: the items of a run that a score ranks first.
 *
 * @returns  the path of the page, how many items it holds, and what to expect of them: undefined for other
 *           scores than `reviewScores`
 * @throws UsageError  for a score that the run does not have, or data that are not those of the run
 * @throws UserError   when the run or its data cannot be read
 * @throws the signal's reason, when it is aborted before the page is whole: then neither is written
 */
export async function reviewRun(
  options: ReviewOptions,
  signal: AbortSignal,
): Promise<{ page: string; items: number; expectation: string | undefined }> {
  const { train_dir: folder } = options;
  const ranked = await rankedItemsOfRun(folder, options.rank_by, options.top);
  const { rankedBy, scoreNames, total, items, values } = ranked;
  const expectation = reviewScores.includes(rankedBy)
    ? wrongLabelsText(values, items.length, rankedBy)
    : undefined;
  const { dataset, labelDecisions } = await loadRunData(folder, options);
  const record = await readRunRecord(folder);
  expectItemsOfRun(dataset, { total, items }, { folder, record, datasetDir: options.dataset_dir });
  const withView = items.slice(0, options.num_views).map(({ item }) => item);
  const views = await drawViews(options, dataset, withView, signal);
  const parts = renderReviewPage(
    {
      id: pageId(folder, dataset),
      title: basename(resolve(folder)),
      description: `${items.length} of ${total} items of ${dataset.name} ${dataset.split}, the most suspicious by ${rankedBy}; ${options.model_name}, ${folder}${expectation === undefined ? '' : `; ${expectation}`}`,
      classes: dataset.classNames,
      scores: scoreNames.map(pageScoreOf),
      sortBy: rankedBy,
      viewCaption: views.caption,
      previous: previousRows(labelDecisions),
    },
    pageItems(dataset, items, views, signal),
  );
  signal.throwIfAborted();
  const target = options.output_dir ?? folder;
  await makeFolder(target);
  const page = join(target, 'review.html');
  // No lock keeps a second review out: the training holds that of the folder.
  await replaceFileByParts(page, parts, 0, ownName(page));
  const csv = join(target, 'review.csv');
  await replaceFileByParts(csv, [reviewCsv(items, scoreNames)], 0, ownName(csv));
  return { page, items: items.length, expectation };
}
