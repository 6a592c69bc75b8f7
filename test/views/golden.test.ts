/**
 * Pins every kind of view pixel by pixel. After a change that is meant, look at the new pictures:
 *
 *   UPDATE_GOLDEN=1 node --test dist/test/views/golden.test.js
 *
 * Fonts come from a package, and on Linux they are drawn by the FreeType inside @napi-rs/canvas, not
 * by the machine's: there no pixel may differ. macOS and Windows draw glyphs in their own way, so
 * elsewhere the edges of text may differ, and only they: one pixel in ten at most.
 */
import './withoutSystemFonts.ts';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { packageRoot } from '../../src/packageRoot.ts';
import { colormapNames } from '../../src/views/draw/colormap.ts';
import { type Drawing, toPng } from '../../src/views/draw/drawing.ts';
import { drawEvolutionView } from '../../src/views/evolutionView.ts';
import { drawMonitoringView } from '../../src/views/monitoringView.ts';
import { drawScatterView } from '../../src/views/scatterView.ts';
import { drawSelectionView } from '../../src/views/selectionView.ts';
import { textViews } from './someTextViews.ts';
import {
  colorImage,
  digitImage,
  evolutionViewOf,
  flatLayer,
  historyOf,
  monitoringViewOf,
  paperView,
  scatterOf,
  selectionOf,
  spatialLayer,
} from './someViews.ts';

const folder = join(packageRoot, 'test/views/golden');
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const allowedShare = process.platform === 'linux' ? 0 : 0.1;

const longNames = [
  'golden retriever, a dog for shooting',
  'automobile',
  '飞机',
  'Ελέφαντας',
  'étoile',
];
const photos = (count: number, width: number, height: number, channels: 3 | 4 = 3) =>
  Array.from({ length: count }, (_, i) => colorImage(width, height, channels, i));
const resnet = 'resnet_v1_50/block1/unit_1/bottleneck_v1/conv';
const notNumbers = (() => {
  const view = paperView();
  view.layers[0]!.maps!.contributionMap.fill(Number.NaN, 20, 40);
  view.layers[1]!.maps!.reductionMap[10] = Number.POSITIVE_INFINITY;
  return view;
})();

const views: Record<string, () => Drawing> = {
  ...textViews,
  'selection-digits': () =>
    drawSelectionView(selectionOf(Array.from({ length: 8 }, (_, i) => digitImage(i)))),
  'selection-three-cards-wide': () => drawSelectionView(selectionOf(photos(21, 32, 32), longNames)),
  'selection-one-item': () => drawSelectionView(selectionOf([digitImage(0)])),
  'selection-8x8-transparent': () => drawSelectionView(selectionOf(photos(3, 8, 8, 4))),
  'selection-wide-images': () => drawSelectionView(selectionOf(photos(4, 48, 20))),
  'selection-224x224': () => drawSelectionView(selectionOf(photos(2, 224, 224))),
  'monitoring-paper': () => drawMonitoringView(paperView()),
  'monitoring-history': () =>
    drawMonitoringView({ ...paperView(), history: historyOf(12).seriesOf(7) }),
  'monitoring-overlay': () => drawMonitoringView(paperView(), { overlay: true }),
  'monitoring-scale-2': () => drawMonitoringView(paperView(), { scale: 2 }),
  'monitoring-fixed-color-scale': () =>
    drawMonitoringView({ ...paperView(), colorScaleMaximum: 2 }),
  'monitoring-right-answer': () =>
    drawMonitoringView(monitoringViewOf(digitImage(1), paperView().layers, '飞机', '飞机')),
  'monitoring-not-numbers': () => drawMonitoringView(notNumbers),
  'monitoring-channels': () =>
    drawMonitoringView(
      monitoringViewOf(digitImage(3), [flatLayer('fc3', 192), flatLayer('Logits', 10)]),
    ),
  'monitoring-many-layers': () =>
    drawMonitoringView(
      monitoringViewOf(
        colorImage(64, 48, 3, 1),
        [56, 28, 14, 7].map((side, i) => spatialLayer(`${resnet}${i + 1}`, side, side, i)),
        longNames[0],
        'American Staffordshire terrier',
      ),
    ),
  'monitoring-no-layers': () => drawMonitoringView(monitoringViewOf(digitImage(3), [])),
  'evolution-first': () => drawEvolutionView(evolutionViewOf(historyOf(1))),
  'evolution-40': () => drawEvolutionView(evolutionViewOf(historyOf(40))),
  'evolution-shared-scale': () => drawEvolutionView(evolutionViewOf(historyOf(40), true)),
  'scatter-few': () => drawScatterView(scatterOf(80)),
  'scatter-hundreds': () => drawScatterView(scatterOf(500)),
  'scatter-many': () => drawScatterView(scatterOf(20_000)),
  ...Object.fromEntries(
    colormapNames
      .slice(1)
      .map((colormap) => [
        `monitoring-${colormap}`,
        () => drawMonitoringView(paperView(), { colormap }),
      ]),
  ),
};

/** Pixels whose colour differs. */
function differences(a: PNG, b: PNG): number {
  let count = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    if (a.data.readUInt32LE(i) !== b.data.readUInt32LE(i)) count++;
  }
  return count;
}

/** Whether two PNG files show the same. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  const [one, other] = [PNG.sync.read(Buffer.from(a)), PNG.sync.read(Buffer.from(b))];
  return one.width === other.width && one.data.equals(other.data);
}

for (const [name, draw] of Object.entries(views)) {
  test(`${name} looks as it did`, async () => {
    const path = join(folder, `${name}.png`);
    const png = await toPng(draw());
    // What is kept of a drawing leaves the next one as it is.
    assert.ok(png.equals(toPng(draw())), 'drawn again');
    const isSame = existsSync(path) && areEqual(readFileSync(path), png);
    // Files that show the same stay: another zlib compresses them in another way.
    if (isUpdate && !isSame) writeFileSync(path, png);
    assert.ok(existsSync(path), `${path} does not exist; make it with UPDATE_GOLDEN=1`);
    const actual = PNG.sync.read(png);
    const expected = PNG.sync.read(readFileSync(path));
    const size = ({ width, height }: PNG) => `${width} × ${height}`;
    assert.equal(size(actual), size(expected));
    const count = differences(actual, expected);
    if (count <= allowedShare * actual.width * actual.height) return;
    const seen = join(tmpdir(), 'losslens-golden');
    mkdirSync(seen, { recursive: true });
    writeFileSync(join(seen, `${name}.png`), png);
    assert.fail(`${count} pixels differ; see ${join(seen, `${name}.png`)} and ${path}`);
  });
}
