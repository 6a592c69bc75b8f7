/** Views of every kind, the same on every machine, for the golden pictures and the other tests. */

import { makeDigits } from '../../datasets/builtIn/digits.ts';
import type { Image } from '../../datasets/dataset.ts';
import type { ContributionMaps, MonitoredLayer } from '../../src/insitu/monitoredLayer.ts';
import { random } from '../../src/random.ts';
import { MonitoringHistory } from '../../src/recording/monitoringHistory.ts';
import type { EvolutionView } from '../../src/views/evolutionView.ts';
import type { MonitoringView } from '../../src/views/monitoringView.ts';
import type { ScatterView } from '../../src/views/scatterView.ts';
import type { SelectedItem, SelectionView } from '../../src/views/selectionView.ts';

const digitNames = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const digits = makeDigits('train', 30);

/** A built-in digit. */
export function digitImage(index: number): Image {
  const data = digits.pixels.subarray(index * 784, (index + 1) * 784);
  return { width: 28, height: 28, channels: 1, data };
}

/** A colour wheel on a ground that brightens to the right, transparent in a corner with 4 channels. */
export function colorImage(width: number, height: number, channels: 3 | 4, seed: number): Image {
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [(x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5];
      const isWheel = u * u + v * v < 0.16;
      for (let c = 0; c < 3; c++) {
        const wave = Math.cos(6 * (u + v) + 2.1 * c + seed);
        data[(y * width + x) * channels + c] = isWheel ? 128 + 120 * wave : 60 + 180 * (u + 0.5);
      }
      if (channels === 4) data[(y * width + x) * channels + 3] = u + v < -0.5 ? 0 : 255;
    }
  }
  return { width, height, channels, data };
}

/** A selection of images with falling contributions. */
export function selectionOf(
  images: readonly Image[],
  classNames: readonly string[] = digitNames,
): SelectionView {
  const items = images.map((image, i): SelectedItem => {
    const label = classNames[i % classNames.length]!;
    return {
      itemIndex: 37 * i * i + 5,
      image,
      label,
      output: i % 5 === 4 ? label : classNames[(i + 3) % classNames.length]!,
      outputProbability: 1 - ((7 * i) % 60) / 100,
      contribution: 18.5 / (1 + i / 4),
      isNew: i % 3 === 1,
      hasPlantedError: i % 4 === 2,
    };
  });
  return {
    epoch: 3,
    step: 240,
    selectionLayer: 'Logits',
    capacity: images.length,
    modelName: 'lenet',
    items,
  };
}

function mapsOf(height: number, width: number, seed: number, factor = 1): ContributionMaps {
  const next = random(3, seed);
  const spot = () => ({ x: next() * width, y: next() * height, size: 0.02 * width * height });
  const bumps = (spots: readonly ReturnType<typeof spot>[]) =>
    Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
      const value = spots.reduce(
        (sum, s) => sum + Math.exp(-((x - s.x) ** 2 + (y - s.y) ** 2) / (2 * s.size)),
        0.05 * next(),
      );
      return factor * 0.3 * value;
    });
  return {
    height,
    width,
    contributionMap: bumps([spot(), spot()]),
    reductionMap: bumps([spot()]),
  };
}

/** A monitored layer with maps. */
export function spatialLayer(
  name: string,
  height: number,
  width: number,
  seed: number,
  factor = 1,
): MonitoredLayer {
  return { name, contribution: factor * 1.25 - 0.4, maps: mapsOf(height, width, seed, factor) };
}

/** A monitored layer without height and width. */
export function flatLayer(name: string, units: number): MonitoredLayer {
  const next = random(5, units);
  const channels = Float32Array.from({ length: units }, () => next() - 0.4);
  return { name, contribution: channels.reduce((a, b) => a + b, 0), channels };
}

/** What the network sees of an image: shifted by two pixels, scaled as LeNet's is. */
function inputOf(image: Image): MonitoringView['input'] {
  const { width, height, channels } = image;
  const shift = 2 * channels;
  const data = Float32Array.from(image.data, (_, i) => ((image.data[i + shift] ?? 0) - 128) / 128);
  return { data, shape: [height, width, channels] };
}

/** The paper's setting: LeNet's two pooling layers and a digit. */
export function paperView(): MonitoringView {
  return monitoringViewOf(digitImage(3), [
    spatialLayer('pool1', 14, 14, 1),
    spatialLayer('pool2', 7, 7, 2),
  ]);
}

/** A Monitoring View of an image and layers. */
export function monitoringViewOf(
  image: Image,
  layers: readonly MonitoredLayer[],
  label = 'three',
  output = 'seven',
): MonitoringView {
  return {
    itemIndex: 51770,
    epoch: 4,
    step: 1272,
    label,
    output,
    outputProbability: 0.862,
    layers,
    input: inputOf(image),
    original: image,
  };
}

/** The past of item 7 over some encounters: contributions fall, and the output becomes right. */
export function historyOf(encounters: number): MonitoringHistory {
  const history = new MonitoringHistory('Logits', ['pool1', 'pool2']);
  const image = digitImage(7);
  for (let i = 0; i < encounters; i++) {
    const factor = 1.5 / (1 + i / 5) + 0.2 * Math.sin(i);
    history.add({
      itemIndex: 7,
      epoch: i + 2,
      step: 80 * (i + 1) + ((13 * i) % 80),
      label: 'seven',
      output: i < encounters / 2 ? 'nine' : 'seven',
      outputProbability: 0.5 + 0.4 * Math.cos(i) ** 2,
      contribution: 3 * factor - 0.5,
      layers: [
        spatialLayer('pool1', 14, 14, i, factor),
        spatialLayer('pool2', 7, 7, i + 100, factor),
      ],
      input: inputOf(image),
    });
  }
  return history;
}

/** The Evolution View of item 7. */
export function evolutionViewOf(history: MonitoringHistory, isScaleShared = false): EvolutionView {
  return {
    itemIndex: 7,
    label: 'seven',
    selectionLayer: 'Logits',
    layers: ['pool1', 'pool2'],
    encounters: history.encountersOf(7),
    encounterCount: history.countOf(7),
    history: history.seriesOf(7),
    isScaleShared,
  };
}

/** Items of which most are easy; one in twenty is planted, and the most contradicted are selected. */
export function scatterOf(items: number): ScatterView {
  const draw = random(5);
  const isPlanted = Array.from({ length: items }, (_, i) => i % 20 === 7);
  const entropy = Float32Array.from(isPlanted, () => Math.log(10) * draw() ** 3);
  const contribution = Float32Array.from(entropy, (h, i) =>
    isPlanted[i] ? 8 * draw() : 3 * draw() ** 4 - h / 2,
  );
  const positions = [...contribution.keys()];
  return {
    epoch: 3,
    step: 120,
    selectionLayer: 'Logits',
    contribution,
    entropy,
    selected: positions.sort((a, b) => contribution[b]! - contribution[a]!).slice(0, 8),
    planted: [...isPlanted.keys()].filter((i) => isPlanted[i]),
    classes: 10,
  };
}
