import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { toPng } from '../../src/views/draw/drawing.ts';
import { drawMonitoringView } from '../../src/views/monitoringView.ts';
import { ViewRenderer } from '../../src/views/viewRenderer.ts';
import { digitImage, evolutionViewOf, historyOf, paperView, selectionOf } from './someViews.ts';

test('a few views are drawn in one thread and come back in the order of the calls', async () => {
  const renderer = new ViewRenderer();
  const done: string[] = [];
  const note = (name: string) => (png: Uint8Array) => {
    const { width } = PNG.sync.read(Buffer.from(png));
    done.push(`${name} ${width}`);
  };
  try {
    // The large sheet first: a faster one must not overtake it.
    const sheet = selectionOf(Array.from({ length: 64 }, (_, i) => digitImage(i % 30)));
    await Promise.all([
      renderer.renderSelectionView(sheet).then(note('selection')),
      renderer.renderMonitoringView(paperView()).then(note('monitoring')),
      renderer.renderEvolutionView(evolutionViewOf(historyOf(3))).then(note('evolution')),
    ]);
  } finally {
    await renderer.close();
  }
  assert.deepEqual(done, ['selection 1050', 'monitoring 350', 'evolution 350']);
});

test('many views are drawn in several threads, each as it is alone', async () => {
  const renderer = new ViewRenderer();
  const sighting = (step: number) => ({ ...paperView(), step });
  try {
    const views = Array.from({ length: 80 }, (_, step) => sighting(step));
    const pngs = await Promise.all(views.map((view) => renderer.renderMonitoringView(view)));
    for (const [step, png] of pngs.entries()) {
      assert.deepEqual(Buffer.from(png), toPng(drawMonitoringView(sighting(step))), `${step}`);
    }
  } finally {
    await renderer.close();
  }
});

test('its maker is held back while too many views wait', async () => {
  const renderer = new ViewRenderer({}, 2);
  let finished = 0;
  try {
    const views: Promise<unknown>[] = [];
    for (let i = 0; i < 6; i++) {
      await renderer.ready();
      assert.ok(i - finished <= 2, `${i} handed over, ${finished} done`);
      views.push(renderer.renderMonitoringView(paperView()).then(() => finished++));
    }
    await Promise.all(views);
  } finally {
    await renderer.close();
  }
});

test('a view that cannot be drawn fails alone', async () => {
  const renderer = new ViewRenderer();
  try {
    const broken = {
      ...paperView(),
      original: { width: 0, height: 0, channels: 1, data: new Uint8Array() },
    };
    const [failed, drawn] = await Promise.allSettled([
      renderer.renderMonitoringView(broken),
      renderer.renderMonitoringView(paperView()),
    ]);
    assert.equal(failed.status, 'rejected');
    assert.equal(drawn.status, 'fulfilled');
  } finally {
    await renderer.close();
  }
});
