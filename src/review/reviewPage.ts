/** The review page: one HTML file that needs no server and loads nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Thumbnail } from '../../datasets/images/thumbnail.ts';
import { toCsv } from '../files/csv.ts';
import { packageRoot } from '../packageRoot.ts';
import { itemHeader, itemRow, type ScoredItem } from '../runFiles/scoredItems.ts';

/** A score as the page explains it. */
export interface PageScore {
  readonly name: string;
  /** Which end of it is suspicious. */
  readonly first: 'highest' | 'lowest';
  /** One sentence. */
  readonly help: string;
}

/** An item on the page: a picture or a text, and where there is one its Monitoring View. */
export interface PageItem extends ScoredItem {
  readonly image?: Thumbnail;
  readonly text?: string;
  /** Data URL of a PNG. */
  readonly view?: string;
}

/** What the page holds beside the items; review/page.js reads it. */
export interface ReviewPage {
  /** Tells the decisions of one page from those of another in the same browser. */
  readonly id: string;
  readonly title: string;
  /** One line about the run. */
  readonly description: string;
  readonly classes: readonly string[];
  /** In the order of the items' scores. */
  readonly scores: readonly PageScore[];
  /** Name of the score that the items are sorted by at first. */
  readonly sortBy: string;
  /** What the Monitoring Views show. */
  readonly viewCaption: string;
  /** Rows of the labels file that the run was trained with, by column: they stay in the new one. */
  readonly previous: readonly Readonly<Record<string, string | number>>[];
}

/** JSON that cannot end the script element that it is in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** The page's data as the JSON of one object, item by item: pictures may not fit into one string. */
async function* pageJson(page: ReviewPage, items: AsyncIterable<PageItem>) {
  yield `${scriptJson(page).slice(0, -1)},"items":[`;
  let separator = '';
  for await (const item of items) {
    yield separator + scriptJson(item);
    separator = ',';
  }
  yield ']}';
}

/** @returns the page as HTML, part by part */
export async function* renderReviewPage(
  page: ReviewPage,
  items: AsyncIterable<PageItem>,
): AsyncGenerator<string, void, undefined> {
  const read = (file: string) => readFile(join(packageRoot, 'review', file), 'utf8');
  // The template is cut at its marks before anything is put in: what is put in is never looked through.
  for (const part of (await read('page.html')).split(
    /(\/\*style\*\/|"page data"|\/\*script\*\/)/,
  )) {
    if (part === '/*style*/') yield read('page.css');
    else if (part === '/*script*/') yield read('page.js');
    else if (part === '"page data"') yield* pageJson(page, items);
    else yield part;
  }
}

/** The same items as a table, in their order: columns as in items.csv, after the rank. */
export function reviewCsv(items: readonly ScoredItem[], scoreNames: readonly string[]): string {
  return toCsv(
    ['rank', ...itemHeader(scoreNames)],
    items.map((item, i) => [i + 1, ...itemRow(item)]),
  );
}
