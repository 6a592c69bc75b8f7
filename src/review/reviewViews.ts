/** The Monitoring Views of a review page, drawn with the latest checkpoint of the run. */
import { basename } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { latestCheckpoint, stepOfCheckpoint } from '../checkpoint/checkpoints.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import { selectEngine } from '../engines/select.ts';
import { epochAfter, itemsPerStep, type StepSize, stepsPerEpoch } from '../epochs.ts';
import { Inspector, type InspectorOptions } from '../inspection/inspector.ts';
import { loadNetwork } from '../nets/factory.ts';
import { tell } from '../terminal.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';

/** How the network was trained, and what draws. */
export interface ReviewViewOptions
  extends Omit<InspectorOptions, 'network' | 'checkpoint_path' | 'layers' | 'batchOf'>,
    StepSize {
  readonly train_dir: string;
  readonly model_name: string;
  readonly hm: readonly string[];
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
}

/** Monitoring Views by item, as data URLs, with a line on what they show. */
export interface ReviewViews {
  readonly urls: ReadonlyMap<number, string>;
  readonly caption: string;
}

const noViews: ReviewViews = { urls: new Map(), caption: '' };

/**
 * Draws the views of some items; none, with a line that says why, where there can be none.
 *
 * @throws the signal's reason, when it is aborted meanwhile
 */
export async function drawViews(
  options: ReviewViewOptions,
  dataset: Dataset,
  items: readonly number[],
  signal: AbortSignal,
): Promise<ReviewViews> {
  if (items.length === 0) return noViews;
  const without = (reason: string) => {
    tell(`no Monitoring Views: ${reason}`);
    return noViews;
  };
  const { train_dir } = options;
  if ((await latestCheckpoint(train_dir)) === undefined) {
    return without(`${train_dir} holds no checkpoint`);
  }
  if (options.hm.length === 0) return without('the run has no --hm');
  const { engine } = await selectEngine({ engine: options.engine, gpu: options.gpu });
  const inspector = await Inspector.load(engine, dataset, {
    ...options,
    network: await loadNetwork(options.model_name),
    checkpoint_path: train_dir,
    layers: options.hm,
    batchOf: undefined,
  });
  const renderer = new ViewRenderer();
  const { checkpoint } = inspector;
  const step = stepOfCheckpoint(checkpoint);
  const epoch = epochAfter(step, stepsPerEpoch(dataset.items.length, itemsPerStep(options)));
  const urls = new Map<number, string>();
  try {
    for await (const inspected of inspector.inspect(items)) {
      signal.throwIfAborted();
      const png = await renderer.renderMonitoringView({ ...inspected, epoch, step });
      const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
      urls.set(inspected.itemIndex, url);
    }
  } finally {
    await renderer.close();
    await inspector.close();
  }
  const caption = `Loss contribution (C) and reduction (R) by ${basename(checkpoint)}, without dropout and augmentation`;
  return { urls, caption };
}
