import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { toPng } from '../../src/views/draw/drawing.ts';
import { drawScatterView, type ScatterView } from '../../src/views/scatterView.ts';

const nothing: ScatterView = {
  epoch: 2,
  step: 40,
  selectionLayer: 'Logits',
  contribution: new Float32Array(0),
  entropy: new Float32Array(0),
  selected: [],
  planted: undefined,
  classes: 10,
};

async function draw(view: Partial<ScatterView>): Promise<PNG> {
  return PNG.sync.read(Buffer.from(await toPng(drawScatterView({ ...nothing, ...view }))));
}

/** Whether a colour is within a rectangle of the picture. */
function shows(
  { width, data }: PNG,
  [r, g, b]: readonly [number, number, number],
  [left, top, right, bottom]: readonly [number, number, number, number],
): boolean {
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = 4 * (y * width + x);
      if (data[at] === r && data[at + 1] === g && data[at + 2] === b) return true;
    }
  }
  return false;
}

const blue = [0x00, 0x72, 0xb2] as const;
const orange = [0xd5, 0x5e, 0x00] as const;
const rightBottom = [200, 150, 350, 195] as const;
const leftTop = [30, 34, 120, 100] as const;

test('fits one card of TensorBoard, also without items', async () => {
  const { width, height } = await draw({});
  assert.deepEqual([width, height], [350, 220]);
});

test('puts contradicted and sure items to the lower right, unsure ones to the upper left', async () => {
  const contribution = Float32Array.of(10, 0);
  const entropy = Float32Array.of(0.1, 2.2);
  const first = await draw({ contribution, entropy, selected: [0] });
  assert.ok(shows(first, blue, rightBottom));
  assert.ok(!shows(first, blue, leftTop));
  const second = await draw({ contribution, entropy, selected: [1] });
  assert.ok(shows(second, blue, leftTop));
  assert.ok(!shows(second, blue, rightBottom));
});

test('marks selected items by whether their label was changed on purpose', async () => {
  const contribution = Float32Array.of(10, 0);
  const entropy = Float32Array.of(0.1, 2.2);
  const picture = await draw({ contribution, entropy, selected: [0, 1], planted: [0] });
  assert.ok(shows(picture, orange, rightBottom));
  assert.ok(shows(picture, blue, leftTop));
});

test('leaves out items whose numbers are not finite', async () => {
  const contribution = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 10);
  const entropy = Float32Array.of(1, 1, 0.1);
  const picture = await draw({ contribution, entropy, selected: [0, 1, 2] });
  assert.ok(shows(picture, blue, rightBottom));
});
