import '../views/withoutSystemFonts.ts';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { WriteError } from '../../src/errors.ts';
import { maxSpriteSide, writeEmbedding } from '../../src/events/projector.ts';
import { drawSprite } from '../../src/views/draw/sprite.ts';
import { temporaryFolder } from '../losslens.ts';
import { colorImage, digitImage } from '../views/someViews.ts';

const images = Array.from({ length: 5 }, (_, i) => digitImage(i));

test('points, what is known of them and their pictures follow the rules of the projector', async () => {
  const folder = join(temporaryFolder(), 'projector-1');
  await writeEmbedding(folder, {
    name: 'fc "3"',
    vectors: Float32Array.from({ length: 15 }, (_, i) => i / 7),
    dimensions: 3,
    columns: ['item', 'label'],
    rows: images.map((_, i) => [String(i), i === 2 ? 'tab\there\nand there' : 'digit']),
    sprite: drawSprite(images, maxSpriteSide),
  });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const lines = (name: string) => {
    const text = read(name);
    assert.ok(text.endsWith('\n'));
    return text.slice(0, -1).split('\n');
  };
  // No header in the one, a header in the other, which has more than one column.
  assert.equal(lines('vectors.tsv').length, 5);
  assert.deepEqual(lines('vectors.tsv')[1], '0.428571\t0.571429\t0.714286');
  assert.equal(lines('metadata.tsv').length, 6);
  assert.equal(lines('metadata.tsv')[0], 'item\tlabel');
  assert.equal(lines('metadata.tsv')[3], '2\ttab here and there');
  const config = read('projector_config.pbtxt');
  assert.match(config, /tensor_name: "fc \\"3\\""/);
  assert.match(config, /single_image_dim: 28\n {4}single_image_dim: 28/);
  const { width, height } = PNG.sync.read(readFileSync(join(folder, 'sprite.png')));
  assert.deepEqual([width, height], [3 * 28, 3 * 28]);
});

test('a sprite is square, its tiles are square, and its side is bounded', () => {
  const { png, tileSide } = drawSprite([...images, colorImage(56, 20, 3, 1)], 100);
  const sheet = PNG.sync.read(Buffer.from(png));
  assert.equal(tileSide, 33);
  assert.deepEqual([sheet.width, sheet.height], [99, 99]);
  const many = Array.from({ length: 30 }, () => digitImage(1));
  assert.equal(drawSprite(many, 8192).tileSide, 28);
});

test('a folder that cannot be written to is a write error, which a run survives', async () => {
  const taken = join(temporaryFolder(), 'projector-2');
  writeFileSync(taken, '');
  const embedding = { name: 'fc3', vectors: new Float32Array(2), dimensions: 2, columns: ['item'] };
  await assert.rejects(writeEmbedding(taken, { ...embedding, rows: [['0']] }), WriteError);
});
