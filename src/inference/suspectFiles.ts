/** The suspects of a run as files that other programs import: JSON, Label Studio, FiftyOne. */
import { join, parse, resolve, sep } from 'node:path';
import { replaceFile } from '../files/replaceFile.ts';
import type { ScoredItem } from '../runFiles/scoredItems.ts';

/** One item that a score ranks first. */
export interface Suspect extends ScoredItem {
  /** From 1, the most suspicious first. */
  readonly rank: number;
  /** Its row in the arrays. */
  readonly row: number;
  /** Of the score that ranks. */
  readonly score: number;
  /** The image file, or the text. */
  readonly content: { readonly image: string } | { readonly text: string };
}

/** What all suspects have in common. */
export interface SuspectList {
  readonly suspects: readonly Suspect[];
  /** By label. */
  readonly classNames: readonly string[];
  /** What ranks them, such as "margin_mean". */
  readonly scoreName: string;
  readonly kind: 'images' | 'texts';
}

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;

/** A list of objects with one key for each column, as pandas.read_json takes it. */
function generalList({ suspects, scoreName }: SuspectList): string {
  return json(
    suspects.map(({ rank, row, item, file, label, suggestedLabel, ...suspect }) => ({
      rank,
      row,
      item,
      file,
      label,
      suggested_label: suggestedLabel,
      suggested_probability: suspect.suggestedProbability,
      score_name: scoreName,
      score: suspect.score,
    })),
  );
}

/**
 * Where Label Studio serves a local file (its storage type "Local files"): by the path below
 * LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT, here the root of the disk.
 */
function localFileUrl(path: string): string {
  const absolute = resolve(path);
  const below = absolute.slice(parse(absolute).root.length).split(sep);
  return `/data/local-files/?d=${below.map(encodeURIComponent).join('/')}`;
}

/**
 * Label Studio's tasks, each with the suggestion as a prediction, in its "basic JSON format". They go
 * with `labelingConfig`, whose tags they name: so that what it exports as CSV has the columns `item` and
 * `label`, which --labels_file takes.
 */
function labelStudioTasks({ suspects, scoreName }: SuspectList): string {
  return json(
    suspects.map(({ rank, item, label, suggestedLabel, suggestedProbability, score, content }) => ({
      data: {
        ...('image' in content ? { image: localFileUrl(content.image) } : content),
        given_label: label,
        item,
        rank,
        [scoreName]: score,
      },
      predictions: [
        {
          model_version: 'losslens',
          score: suggestedProbability,
          result: [
            {
              from_name: 'label',
              to_name: 'item',
              type: 'choices',
              value: { choices: [suggestedLabel] },
            },
          ],
        },
      ],
    })),
  );
}

function escaped(text: string): string {
  return text.replace(/[&<>"\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Label Studio's labeling configuration: the item, the label that it has, and a choice of one class. */
function labelingConfig({ classNames, kind }: SuspectList): string {
  const item = kind === 'images' ? '<Image' : '<Text';
  const variable = kind === 'images' ? '$image' : '$text';
  const choices = classNames.map((name) => `    <Choice value="${escaped(name)}"/>\n`);
  return [
    '<View>\n',
    `  ${item} name="item" value="${variable}"/>\n`,
    '  <Text name="given" value="$given_label"/>\n',
    '  <Choices name="label" toName="item" choice="single">\n',
    ...choices,
    '  </Choices>\n',
    '</View>\n',
  ].join('');
}

/**
 * FiftyOne's `FiftyOneImageClassificationDataset`: targets, which are positions in `classes`, by the
 * absolute path of the image.
 */
function fiftyOneLabels({ suspects, classNames, scoreName }: SuspectList): string {
  const labels = suspects.flatMap(
    ({ rank, item, label, suggestedLabel, suggestedProbability, score, content }) => {
      if (!('image' in content)) return [];
      const target = {
        label: classNames.indexOf(suggestedLabel),
        confidence: suggestedProbability,
        attributes: { given_label: label, item, rank, [scoreName]: score },
      };
      return [[resolve(content.image), target] as const];
    },
  );
  return json({ classes: classNames, labels: Object.fromEntries(labels) });
}

/**
 * Writes `suspects.json`, `label_studio.json` with its `label_studio.xml`, and of images
 * `fiftyone.json`.
 *
 * @throws UserError  when one cannot be written
 */
export async function writeSuspects(folder: string, list: SuspectList): Promise<void> {
  const write = (name: string, content: string) => replaceFile(join(folder, name), content);
  await write('suspects.json', generalList(list));
  await write('label_studio.xml', labelingConfig(list));
  await write('label_studio.json', labelStudioTasks(list));
  if (list.kind === 'images') await write('fiftyone.json', fiftyOneLabels(list));
}
