/** An evaluation as summaries for TensorBoard and as text for the terminal. */

import { type Column, markdownTable, markdownText, textTable } from '../console/textTable.ts';
import {
  imageSummary,
  prCurveSummary,
  type SummaryValue,
  scalarSummary,
  textSummary,
} from '../events/summaries.ts';
import { classMetrics } from './classMetrics.ts';
import type { Evaluation } from './evaluator.ts';

/** The terminal shows a confusion matrix of so many classes. */
const maxPrintedMatrix = 16;
/** Of more classes the terminal shows the worst of the table. */
const maxPrintedClasses = 40;
/** And so does TensorBoard's Text tab, which lays all of a table out at once. */
const maxTableClasses = 1000;
/** Of more classes the record for programs names the pairs that were seen in place of the whole matrix. */
const maxDenseClasses = 300;

const columns: readonly Column[] = [
  { heading: 'class' },
  { heading: 'items', isNumeric: true },
  { heading: 'precision', isNumeric: true },
  { heading: 'recall', isNumeric: true },
  { heading: 'F1', isNumeric: true },
  { heading: 'most often taken for' },
];

const shareText = (share: number | null) => (share === null ? '–' : share.toFixed(4));

/**
 * The rows of the table of classes by label; of more classes than `maxRows` the worst by F1, those
 * without items last.
 */
function classRows(
  { confusion, classNames }: Evaluation,
  maxRows: number,
): { rows: string[][]; note: string } {
  const all = classMetrics(confusion).map(
    ({ items, precision, recall, f1, mistakenFor }, label) => ({
      f1,
      cells: [
        classNames[label]!,
        String(items),
        shareText(precision),
        shareText(recall),
        shareText(f1),
        mistakenFor === null ? '' : `${classNames[mistakenFor.label]} (${mistakenFor.items})`,
      ],
    }),
  );
  const rest = all.length - maxRows;
  const worst = rest > 0 ? all.sort((a, b) => (a.f1 ?? 2) - (b.f1 ?? 2)).slice(0, maxRows) : all;
  return {
    rows: worst.map(({ cells }) => cells),
    note: rest > 0 ? `… and ${rest} classes with a higher F1, or without items` : '',
  };
}

/** Where each evaluation has a value. */
export const accuracyTag = 'eval/Accuracy';

/**
 * An evaluation as summaries: accuracy and recall as TF-Slim tags them, the mean cross-entropy, the
 * table of classes, the confusion matrix as a picture, and a precision–recall curve for each class.
 *
 * @param step  that the network was trained for, for the title of the picture
 */
export async function evaluationSummaries(
  evaluation: Evaluation,
  step: number,
): Promise<SummaryValue[]> {
  // Most runs never evaluate, and the canvas takes longer to load than all of this.
  const { drawConfusionMatrix, maxDrawnClasses } = await import('../views/confusionMatrix.ts');
  const { toPng } = await import('../views/draw/drawing.ts');
  const { classNames, accuracy, recallAt5, crossEntropy, confusion, prCurves } = evaluation;
  const { rows, note } = classRows(evaluation, maxTableClasses);
  const summaries = [
    scalarSummary(accuracyTag, accuracy),
    scalarSummary('eval/Recall_5', recallAt5),
    scalarSummary('eval/Cross_entropy', crossEntropy, { description: 'mean over items, nats' }),
    textSummary('eval/Classes', `${markdownTable(columns, rows)}\n\n${note}`.trimEnd()),
  ];
  if (classNames.length <= maxDrawnClasses) {
    const title = `Confusion matrix · step ${step} · accuracy ${accuracy.toFixed(3)}`;
    const drawing = drawConfusionMatrix({ counts: confusion.dense(), classNames, title });
    summaries.push(imageSummary('eval/Confusion_matrix', [toPng(drawing)]));
  }
  prCurves.forEach((curve, label) => {
    const description = `${markdownText(classNames[label]!)} against all other classes`;
    summaries.push(prCurveSummary(`eval/PR/${classNames[label]}`, curve, { description }));
  });
  return summaries;
}

/** One line: `accuracy 0.7312, recall at 5 0.9810, cross-entropy 0.8012 nats`. */
export function evaluationLine(evaluation: Evaluation): string {
  const { accuracy, recallAt5, crossEntropy, notFinite } = evaluation;
  const wrong =
    notFinite === 0
      ? ''
      : `; for ${notFinite} of them the network gives NaN, which counts as wrong`;
  return (
    `accuracy ${accuracy.toFixed(4)}, recall at 5 ${recallAt5.toFixed(4)}, ` +
    `cross-entropy ${crossEntropy.toFixed(4)} nats${wrong}`
  );
}

/** The table of classes and, for few classes, the confusion matrix. */
export function evaluationTables(evaluation: Evaluation): string {
  const { classNames, confusion } = evaluation;
  const { rows, note } = classRows(evaluation, maxPrintedClasses);
  const parts = [`${textTable(columns, rows)}\n${note}`.trimEnd()];
  if (classNames.length <= maxPrintedMatrix) {
    const numbered = classNames.map((name, label) => `${label} ${name}`);
    parts.push(
      textTable(
        [
          { heading: 'label \\ output' },
          ...classNames.map((_, label) => ({ heading: String(label), isNumeric: true })),
        ],
        confusion
          .dense()
          .map((row, label) => [
            numbered[label]!,
            ...row.map((count) => (count === 0 ? '·' : String(count))),
          ]),
      ),
    );
  }
  return parts.join('\n\n');
}

/** An evaluation for programs. */
export function evaluationRecord(evaluation: Evaluation): Readonly<Record<string, unknown>> {
  const { classNames, items, notFinite, accuracy, recallAt5, crossEntropy, confusion } = evaluation;
  return {
    items,
    ...(notFinite > 0 ? { not_finite: notFinite } : {}),
    accuracy,
    recall_at_5: recallAt5,
    cross_entropy: crossEntropy,
    classes: classMetrics(confusion).map((metrics, label) => ({
      class: classNames[label],
      items: metrics.items,
      precision: metrics.precision,
      recall: metrics.recall,
      f1: metrics.f1,
    })),
    ...(classNames.length <= maxDenseClasses
      ? { confusion: confusion.dense() }
      : { confusion_counts: confusion.counts() }),
  };
}
