import './withoutSystemFonts.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../src/random.ts';
import {
  createDrawing,
  drawText,
  printable,
  textWidth,
  toPng,
} from '../../src/views/draw/drawing.ts';
import {
  roundUp,
  signedText,
  ticks,
  tickText,
  valueText,
} from '../../src/views/draw/numberText.ts';
import { averageAreas, resample } from '../../src/views/draw/pixels.ts';
import { encountersText } from '../../src/views/evolutionView.ts';
import { drawMonitoringView, parentsOf } from '../../src/views/monitoringView.ts';
import { drawSelectionView, sheetLayout } from '../../src/views/selectionView.ts';
import { digitImage, evolutionViewOf, historyOf, paperView, selectionOf } from './someViews.ts';

const counts = [1, 2, 5, 20, 21, 64, 100, 256, 257, 1024];
const sizes = [
  [8, 8],
  [28, 28],
  [32, 32],
  [48, 20],
  [20, 48],
  [64, 64],
  [96, 96],
  [224, 224],
  [224, 40],
] as const;

test('a sheet of any number of images of any size is 2 or 3 cards wide and shown by browsers', () => {
  for (const items of counts) {
    for (const [width, height] of sizes) {
      const layout = sheetLayout(items, { width, height });
      const name = `${items} items of ${width}×${height}: ${JSON.stringify(layout)}`;
      assert.ok([700, 1050].includes(layout.width), name);
      assert.equal(layout.width, 350 * layout.reduction, name);
      assert.ok(layout.columns * layout.cell.width <= layout.width, name);
      const gap = layout.cell.width - layout.icon.width;
      assert.ok(gap >= 3 * layout.reduction, name);
      const rows = Math.ceil(items / layout.columns);
      assert.ok(48 + rows * layout.cell.height <= 16384, name);
      assert.ok(Math.max(layout.icon.width, layout.icon.height) >= 48, name);
    }
  }
});

test('cells, and icons that are enlarged, are multiples of the reduction of the card', () => {
  for (const items of counts) {
    for (const [width, height] of sizes) {
      const { reduction, icon, cell } = sheetLayout(items, { width, height });
      assert.equal(cell.width % reduction, 0);
      assert.equal(cell.height % reduction, 0);
      if (icon.width > width) assert.equal((icon.width / width) % reduction, 0);
    }
  }
});

test('in the card, where every third pixel is left, each pixel of an image is there once', () => {
  const images = Array.from({ length: 24 }, (_, i) => digitImage(i));
  const drawing = drawSelectionView(selectionOf(images));
  const { width, height } = drawing.canvas;
  assert.deepEqual([width, height % 3], [1050, 0]);
  const { data } = drawing.getImageData(0, 0, width, height);
  const { columns, cell, reduction } = sheetLayout(24, images[0]!);
  for (const [i, image] of images.entries()) {
    const left = (i % columns) * cell.width + reduction;
    const top = 48 + Math.floor(i / columns) * cell.height + reduction;
    for (let y = 0; y < 28; y++) {
      for (let x = 0; x < 28; x++) {
        // The middle of each 3 × 3 block is what nearest-neighbour scaling takes.
        const at = 4 * ((top + 3 * y + 1) * width + left + 3 * x + 1);
        assert.equal(data[at], image.data[28 * y + x], `image ${i}, row ${y}, column ${x}`);
      }
    }
  }
});

test('the Monitoring View of two layers is 350 × 220 pixels, and twice that at scale 2', () => {
  const { width, height } = drawMonitoringView(paperView()).canvas;
  assert.deepEqual([width, height], [350, 220]);
  const large = drawMonitoringView(paperView(), { scale: 2 }).canvas;
  assert.deepEqual([large.width, large.height], [700, 440]);
});

test('eleven layers are on a card, and the 75 of a ResNet on no more than three cards a side', () => {
  const [layer] = paperView().layers;
  const viewOf = (count: number) =>
    drawMonitoringView({ ...paperView(), layers: new Array(count).fill(layer) }).canvas;
  assert.equal(viewOf(11).width, 350);
  const { width, height } = viewOf(75);
  assert.equal(width, 3 * 350);
  assert.ok(height < 1.5 * width, String(height));
});

test('above names of layers is what they are in, as far as it tells them apart', () => {
  const names = [
    'net/conv1',
    'net/block1/unit_1/bottleneck/conv1',
    'net/block2/unit_1/bottleneck/conv1',
    'net/block2/unit_2/bottleneck',
    'net/block2/unit_2/bottleneck/conv1',
    'global_pool',
  ];
  assert.deepEqual(parentsOf(names), [
    '',
    'block1/unit_1',
    'block2/unit_1',
    'block2/unit_2',
    'block2/unit_2',
    '',
  ]);
});

test('text that is too wide ends in an ellipsis, or begins with one', () => {
  const drawing = createDrawing(200, 20);
  const style = { size: 10 } as const;
  const name = 'resnet_v1_50/block1/unit_1';
  assert.ok(textWidth(drawing, name, style) > 80);
  for (const keep of ['start', 'end'] as const) {
    const width = drawText(drawing, name, 0, 10, 80, { ...style, keep });
    assert.ok(width <= 80 && width > 60, String(width));
  }
});

test('characters that no font has are written as their numbers', () => {
  assert.equal(printable('飞机 (plane)'), 'U+98DE U+673A (plane)');
  assert.equal(printable('🚀'), 'U+1F680');
  const covered = 'Ελέφαντας, étoile, собака, كلب, כלב, → ±';
  assert.equal(printable(covered), covered);
  assert.equal(printable('two\n lines'), 'two lines');
});

test('numbers are short and their units of the last place tell ticks apart', () => {
  assert.deepEqual(
    [0, 1.2345, 12.345, 999.7, 1234.6, 12345, -0.00012345].map((value) => valueText(value)),
    ['0', '1.23', '12.3', '1000', '1235', '1.2e4', '−1.2e−4'],
  );
  assert.deepEqual(
    [2, -2, 0].map((value) => signedText(value)),
    ['+2.00', '−2.00', '0'],
  );
  assert.deepEqual(ticks(0.372), [0, 0.1, 0.2, 0.3]);
  assert.deepEqual(
    ticks(0.372).map((tick) => tickText(tick, 0.372)),
    ['0', '0.1', '0.2', '0.3'],
  );
  assert.deepEqual(ticks(0), [0]);
  for (const maximum of [1e-9, 0.02, 0.5, 0.99, 1, 1.01, 2, 4.9, 5, 7, 123, 1e6]) {
    const values = ticks(maximum);
    assert.ok(values.length >= 3 && values.length <= 6, `${maximum}: ${values}`);
    assert.ok(values.at(-1)! <= maximum * 1.000001);
    const texts = values.map((tick) => tickText(tick, maximum));
    assert.equal(new Set(texts).size, values.length, texts.join());
  }
});

test('scales end at 1, 2 or 5 times a power of ten', () => {
  assert.deepEqual(
    [0, 0.0011, 0.2, 0.21, 1, 3, 5.1, 99].map(roundUp),
    [0, 0.002, 0.2, 0.5, 1, 5, 10, 100],
  );
});

test('pixels enlarged by a factor that is not whole keep their mean', () => {
  const rgba = Uint8ClampedArray.from({ length: 5 * 3 * 4 }, (_, i) => (i % 4 === 3 ? 255 : 9 * i));
  const mean = (data: Uint8ClampedArray) =>
    data.reduce((sum, value, i) => sum + (i % 4 === 3 ? 0 : value), 0) / ((data.length * 3) / 4);
  for (const size of [
    { width: 13, height: 8 },
    { width: 2, height: 2 },
  ]) {
    const result = resample({ width: 5, height: 3, rgba }, size);
    assert.equal(result.rgba.length, size.width * size.height * 4);
    assert.ok(Math.abs(mean(result.rgba) - mean(rgba)) < 1);
  }
});

test('a text with digits looks as the canvas draws it as a whole', () => {
  const style = { size: 10 };
  for (const text of ['#49123 · epoch 12 · 0.071', 'L: 4WD', 'שלום 12 עולם 34', '飞机 7']) {
    const ours = createDrawing(200, 20);
    drawText(ours, text, 4, 14, 190, style);
    const png = toPng(ours);
    const whole = createDrawing(200, 20);
    // Sets the font and its colour.
    drawText(whole, '', 4, 14, 190, style);
    whole.fillText(printable(text), 4, 14);
    assert.ok(png.equals(toPng(whole)), text);
  }
});

test('enlarged pixels are the averages of what they cover, but for one grey level', () => {
  const next = random(1);
  const pixels = { width: 9, height: 8 };
  const rgba = Uint8ClampedArray.from({ length: 4 * 9 * 8 }, (_, i) =>
    i % 4 === 3 ? 255 : Math.floor(256 * next()),
  );
  for (const [width, height, tolerance] of [
    [9, 8, 0],
    [18, 16, 0],
    [9, 12, 0],
    [10, 9, 1],
    [31, 100, 1],
  ] as const) {
    const size = { width, height };
    const actual = resample({ ...pixels, rgba }, size).rgba;
    const expected = new Uint8ClampedArray(4 * width * height);
    averageAreas(rgba, pixels, 4, size, expected);
    const differences = expected.map((value, i) => Math.abs(value - actual[i]!));
    assert.ok(Math.max(...differences) <= tolerance, `${width} × ${height}`);
  }
});

test('an Evolution View says how many encounters it shows, and of how many where these are more', () => {
  const [encounter] = evolutionViewOf(historyOf(1)).encounters;
  const text = (shown: number, encounterCount: number) =>
    encountersText({ encounters: Array(shown).fill(encounter), encounterCount });
  assert.equal(text(1, 1), '1 encounter');
  assert.equal(text(7, 7), '7 encounters');
  assert.equal(text(10, 13), '10 of 13 encounters');
});
