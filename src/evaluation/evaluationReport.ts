/** An evaluation as summaries for TensorBoard and as text for the terminal. */

import { type Column, markdownTable, textTable } from '../console/textTable.ts';
import {
  imageSummary,
  prCurveSummary,
  type SummaryValue,
  scalarSummary,
  textSummary,
} from '../events/summaries.ts';
import { classMetrics } from './classMetrics.ts';
import type { Evaluation } from './evaluator.ts';

/** With more classes TensorBoard's PR Curves tab would not be usable. */
const maxCurves = 100;
/** The terminal shows a confusion matrix of so many classes. */
const maxPrintedMatrix = 16;
/** Of more classes the terminal shows the worst of the table. */
const maxPrintedClasses = 40;

const columns: readonly Column[] = [
  { heading: 'class' },
  { heading: 'items', isNumeric: true },
  { heading: 'precision', isNumeric: true },
  { heading: 'recall', isNumeric: true },
  { heading: 'F1', isNumeric: true },
  { heading: 'most often taken for' },
];

const shareText = (share: number | null) => (share === null ? '–' : share.toFixed(4));

/** The rows of the table of classes, by label, with F1 to sort by. */
function classRows({
  confusion,
  classNames,
}: Evaluation): { cells: string[]; f1: number | null }[] {
  return classMetrics(confusion).map(({ items, precision, recall, f1, mistakenFor }, label) => ({
    f1,
    cells: [
      classNames[label]!,
      String(items),
      shareText(precision),
      shareText(recall),
      shareText(f1),
      mistakenFor === null ? '' : `${classNames[mistakenFor.label]} (${mistakenFor.items})`,
    ],
  }));
}

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
  const rows = classRows(evaluation).map(({ cells }) => cells);
  const summaries = [
    scalarSummary('eval/Accuracy', accuracy),
    scalarSummary('eval/Recall_5', recallAt5),
    scalarSummary('eval/Cross_entropy', crossEntropy, { description: 'mean over items, nats' }),
    textSummary('eval/Classes', markdownTable(columns, rows)),
  ];
  if (classNames.length <= maxDrawnClasses) {
    const title = `Confusion matrix · step ${step} · accuracy ${accuracy.toFixed(3)}`;
    const drawing = drawConfusionMatrix({ counts: confusion, classNames, title });
    summaries.push(imageSummary('eval/Confusion_matrix', [toPng(drawing)]));
  }
  if (classNames.length <= maxCurves) {
    prCurves.forEach((curve, label) => {
      const description = `${classNames[label]} against all other classes`;
      summaries.push(prCurveSummary(`eval/PR/${classNames[label]}`, curve, { description }));
    });
  }
  return summaries;
}

/** One line: `accuracy 0.7312, recall at 5 0.9810, cross-entropy 0.8012 nats`. */
export function evaluationLine({ accuracy, recallAt5, crossEntropy }: Evaluation): string {
  return (
    `accuracy ${accuracy.toFixed(4)}, recall at 5 ${recallAt5.toFixed(4)}, ` +
    `cross-entropy ${crossEntropy.toFixed(4)} nats`
  );
}

/** The table of classes and, for few classes, the confusion matrix. */
export function evaluationTables(evaluation: Evaluation): string {
  const { classNames, confusion } = evaluation;
  const rows = classRows(evaluation);
  const shown =
    rows.length <= maxPrintedClasses
      ? rows
      : rows.sort((a, b) => (a.f1 ?? -1) - (b.f1 ?? -1)).slice(0, maxPrintedClasses);
  const table = textTable(
    columns,
    shown.map(({ cells }) => cells),
  );
  const rest = rows.length - shown.length;
  const parts = [rest > 0 ? `${table}\n… and ${rest} classes with a higher F1` : table];
  if (classNames.length <= maxPrintedMatrix) {
    const numbered = classNames.map((name, label) => `${label} ${name}`);
    parts.push(
      textTable(
        [
          { heading: 'label \\ output' },
          ...classNames.map((_, label) => ({ heading: String(label), isNumeric: true })),
        ],
        confusion.map((row, label) => [
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
  const { classNames, items, accuracy, recallAt5, crossEntropy, confusion } = evaluation;
  return {
    items,
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
    confusion,
  };
}
