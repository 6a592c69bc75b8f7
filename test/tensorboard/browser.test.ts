import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readEvents } from '../../src/events/readEvents.ts';
import { pluginOf } from '../../src/events/series.ts';
import { skipWithoutPython } from '../python.ts';
import { BoardPage, checkSlider, launchBrowser, skipWithoutBrowser } from './browser.ts';
import { shortRun } from './shortRun.ts';
import { type LoadingMode, loadingModes, TensorBoard } from './tensorboard.ts';

const skip = skipWithoutPython('tensorflow', 'tensorboard') || skipWithoutBrowser;
const sections = ['1 Selection View', '2 Monitoring View'];

if (skip) test('a browser shows what a run logged', { skip }, () => {});
else await testPages();

/** What a folder's log holds: by plugin and tag, the last part of each value by step. */
function contentOf(folder: string): Map<string, Map<string, Map<number, Buffer>>> {
  const plugins = new Map<string, Map<string, Map<number, Buffer>>>();
  for (const { step, values } of readEvents(folder)) {
    for (const value of values) {
      const plugin = pluginOf(value);
      const tags = plugins.get(plugin) ?? new Map<string, Map<number, Buffer>>();
      const series = tags.get(value.tag) ?? new Map<number, Buffer>();
      const parts = (value.tensor['string_val'] ?? []) as Buffer[];
      plugins.set(plugin, tags.set(value.tag, series.set(step, parts.at(-1)!)));
    }
  }
  return plugins;
}

async function testPages(): Promise<void> {
  const run = await shortRun();
  const content = contentOf(run.trainDir);
  const evaluation = contentOf(join(run.trainDir, 'eval'));
  const tagsOf = (plugin: string) => [
    ...(content.get(plugin)?.keys() ?? []),
    ...(evaluation.get(plugin)?.keys() ?? []),
  ];
  const images = content.get('images')!;
  const selectionTag = '1 Selection View/Logits';
  // Of the twelve that are on the first page.
  const monitoringTag = tagsOf('images')
    .filter((tag) => tag.startsWith('2 Monitoring View/'))
    .sort()
    .slice(0, 12)
    .find((tag) => images.get(tag)!.size > 2)!;
  const embedding = readdirSync(run.trainDir).find((name) => name.startsWith('projector-'))!;
  const modes = Object.keys(loadingModes) as LoadingMode[];
  const starting = modes.map((mode) => TensorBoard.start(run.logdir, mode, run.samples));
  after(() => Promise.all(starting.map(async (tensorboard) => (await tensorboard).stop())));
  const browser = await launchBrowser();
  after(() => browser.close());

  for (const [i, mode] of modes.entries()) {
    test(`a browser shows what a run logged (${mode})`, { timeout: 400_000 }, async (t) => {
      const tensorboard = await starting[i]!;
      const board = await BoardPage.open(browser, tensorboard.url, mode);
      const { page } = board;
      // Its Projector turns the points for as long as it is open.
      t.after(() => page.close());

      await t.test(
        'Images: both sections are first and open, sliders show our pictures',
        async () => {
          const views = await board.goTo(
            'images',
            'tf-category-paginated-view:has(.category-name)',
          );
          const names = await views.locator('.category-name').allTextContents();
          assert.deepEqual(
            names.slice(0, 2).map((name) => name.trim()),
            sections,
          );
          for (const tag of [monitoringTag, selectionTag]) {
            const card = views.locator('tf-image-loader', { hasText: tag });
            await checkSlider(
              board,
              card,
              'paper-slider#steps',
              '.heading-label span',
              images.get(tag)!,
            );
            await board.screenshot(`images-${tag.split('/')[0]}`);
          }
        },
      );

      await t.test(
        'Time Series: both sections are first and open, sliders show our pictures',
        async () => {
          const groups = await board.goTo('timeseries', '.card-group');
          const names = await groups.locator('.group-title').allTextContents();
          assert.deepEqual(names.slice(0, 2), sections);
          for (const tag of [monitoringTag, selectionTag]) {
            const [section, name] = tag.split('/') as [string, string];
            const group = groups.filter({
              has: page.locator('.group-title', { hasText: section }),
            });
            // What is out of sight is not there yet.
            await group.locator('.group-title').scrollIntoViewIfNeeded();
            const card = group.locator('image-card', { hasText: name });
            await checkSlider(board, card, 'input', '.step', images.get(tag)!);
            await board.screenshot(`time-series-${section}`);
          }
        },
      );

      await t.test('HParams: the flags that matter, and the metrics', async () => {
        const hparams = await board.goTo('hparams', 'tf-hparams-query-pane .hparam');
        const names = (await hparams.allTextContents()).join(' ');
        for (const name of ['optimizer', 'learning_rate']) assert.match(names, new RegExp(name));
        await board.screenshot('hparams');
      });

      // Both loaders answer alike (log.test.ts), and the Projector reads files of its own.
      if (mode === 'fast') {
        await t.test('Scalars: a chart for each tag', async () => {
          const cards = await board.goTo('scalars', 'tf-scalar-card');
          const expected = new Set(tagsOf('scalars').map((tag) => tag.split('/')[0]));
          const names = await page
            .locator('tf-category-paginated-view .category-name')
            .allTextContents();
          for (const name of expected) assert.ok(names.map((n) => n.trim()).includes(name!), name);
          assert.ok((await cards.count()) > 0);
          await board.screenshot('scalars');
        });

        await t.test('Graphs: the network, its gradients, the loss contributions', async () => {
          const nodes = await board.goTo('graphs', 'tf-graph-scene .nodelabel');
          const names = await nodes.allTextContents();
          for (const name of ['Small', 'gradients', 'in_situ', 'losses', 'optimizer']) {
            assert.ok(
              names.some((text) => text.startsWith(name)),
              `${name} among ${names.join(', ')}`,
            );
          }
          await page.waitForTimeout(1000);
          await board.screenshot('graphs');
        });

        for (const [plugin, tab, card] of [
          ['histograms', 'histograms', 'tf-histogram-loader'],
          ['histograms', 'distributions', 'tf-distribution-loader'],
          ['text', 'text', 'tf-text-loader'],
          ['pr_curves', 'pr_curves', 'tf-pr-curve-card'],
        ] as const) {
          await t.test(`${tab}: a card for each tag`, async () => {
            const cards = await board.goTo(tab, card);
            const names = await cards.locator('.heading-label.name').allTextContents();
            assert.ok(names.length > 0);
            for (const name of names) assert.ok(tagsOf(plugin).includes(name.trim()), name);
            await board.screenshot(tab);
          });
        }

        await t.test('Projector: items as points at Hs', async () => {
          const projector = await board.goToProjector();
          const menu = projector.locator('paper-dropdown-menu', {
            has: projector.locator('paper-item', { hasText: embedding }),
          });
          await menu.click();
          await menu.locator('paper-item', { hasText: embedding }).click();
          // A row of the metadata for each point, after its header.
          const metadata = readFileSync(join(run.trainDir, embedding, 'metadata.tsv'), 'utf8');
          const points = metadata.trimEnd().split('\n').length - 1;
          await projector
            .locator('.numDataPoints', { hasText: new RegExp(`^${points}$`) })
            .waitFor();
          await board.screenshot('projector');
        });
      }

      assert.deepEqual(tensorboard.warnings, []);
    });
  }
}
