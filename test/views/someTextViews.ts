/** Views of texts, the same on every machine, for the golden pictures. */
import { makePhrases } from '../../datasets/builtIn/phrases.ts';
import type { MonitoredLayer } from '../../src/insitu/monitoredLayer.ts';
import { random } from '../../src/random.ts';
import type { Drawing } from '../../src/views/draw/drawing.ts';
import type { ContributionSeries } from '../../src/views/draw/linePlot.ts';
import { drawTextEvolutionView } from '../../src/views/textEvolutionView.ts';
import {
  drawTextMonitoringView,
  type TextMonitoringView,
} from '../../src/views/textMonitoringView.ts';
import { drawTextSelectionView } from '../../src/views/textSelectionView.ts';

const phrases = makePhrases('train', 40);

/** A layer over time whose values are random, but for some words that stand out. */
export function textLayer(name: string, time: number, seed: number): MonitoredLayer {
  const next = random(seed);
  const map = () => Float32Array.from({ length: time }, () => 0.2 * next() ** 4 + 0.01 * next());
  return {
    name,
    contribution: next() - 0.5,
    maps: { height: 1, width: time, contributionMap: map(), reductionMap: map() },
  };
}

/** A Monitoring View of a text. */
export function textMonitoringViewOf(
  text: string,
  layers: readonly MonitoredLayer[],
  ids: readonly number[],
): TextMonitoringView {
  return {
    itemIndex: 1234,
    epoch: 3,
    step: 167,
    label: 'praise',
    output: 'complaint',
    outputProbability: 0.71,
    layers,
    input: { data: Int32Array.from(ids), shape: [ids.length] },
    original: { text },
  };
}

const history: ContributionSeries[] = [
  { layer: 'Logits', steps: [50, 120, 190], contributions: [2.1, 1.4, -0.2] },
  { layer: 'conv3', steps: [50, 120, 190], contributions: [1.2, 1.3, -0.4] },
];

function encounter(number: number) {
  const time = 12;
  const { maps } = textLayer('conv3', time, number);
  const bytes = (map: Float32Array) =>
    Uint8Array.from(map, (value) => 255 * Math.min(1, value / 0.2));
  return {
    number,
    epoch: number,
    step: 70 * number,
    output: number < 4 ? 'complaint' : 'praise',
    outputProbability: 0.6,
    contribution: 2 / number,
    maps: [
      {
        height: 1,
        width: time,
        maximum: 0.2,
        contributionMap: bytes(maps!.contributionMap),
        reductionMap: bytes(maps!.reductionMap),
      },
      null,
    ],
    input: null,
  };
}

/** Drawings of texts by the name of their picture. */
export const textViews: Record<string, () => Drawing> = {
  'text-monitoring': () => {
    const ids = Array.from({ length: 24 }, (_, i) => (i === 5 ? 1 : i < 15 ? i + 2 : 0));
    const layers = [textLayer('embedding', 24, 1), textLayer('conv3', 24, 2)];
    const text = 'Honestly, the terrace at the back looked dirty but was not bad at all.';
    return drawTextMonitoringView({ ...textMonitoringViewOf(text, layers, ids), history });
  },
  // Cut off behind eight tokens, in scripts with and without spaces, and a layer without time.
  'text-monitoring-cut': () => {
    const text =
      'Ελέφαντας étoile naïve-ness, Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft; and much more that no network saw, at all!';
    const channels = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i) / 10);
    const pooled = { name: 'pooled', contribution: 0.3, channels };
    const layers = [textLayer('embedding', 8, 3), pooled];
    return drawTextMonitoringView(textMonitoringViewOf(text, layers, [2, 3, 4, 5, 6, 7, 8, 9]));
  },
  'text-selection': () =>
    drawTextSelectionView({
      epoch: 3,
      step: 240,
      selectionLayer: 'Logits',
      capacity: 12,
      modelName: 'textcnn',
      items: phrases.texts.slice(0, 12).map((text, i) => ({
        itemIndex: 41 * i * i + 3,
        text: i === 4 ? `${text} ${text} ${text} ${text} ${text} ${text} ${text}` : text,
        label: phrases.classNames[i % 5]!,
        output: phrases.classNames[(i + (i % 4 === 3 ? 0 : 2)) % 5]!,
        outputProbability: 1 - ((7 * i) % 60) / 100,
        contribution: 8.5 / (1 + i / 4),
        isNew: i % 3 === 1,
        hasPlantedError: i % 4 === 2,
      })),
    }),
  'text-evolution': () =>
    drawTextEvolutionView({
      text: 'Overall, the soup was not bad at all',
      itemIndex: 1234,
      label: 'praise',
      selectionLayer: 'Logits',
      layers: ['conv3', 'pooled'],
      encounters: [1, 2, 3, 5, 8, 13].map(encounter),
      encounterCount: 13,
      history,
      isScaleShared: true,
    }),
};
