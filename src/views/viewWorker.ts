/** The thread that draws views. */
import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Item } from '../../datasets/dataset.ts';
import type { Sighting } from '../insitu/sighting.ts';
import { type Drawing, toPng } from './draw/drawing.ts';
import { drawEvolutionView, type EvolutionView } from './evolutionView.ts';
import { drawMonitoringView, type MonitoringView, type ViewOptions } from './monitoringView.ts';
import { drawScatterView, type ScatterView } from './scatterView.ts';
import { drawSelectionView, type SelectedItem, type SelectionView } from './selectionView.ts';
import { drawTextEvolutionView, type TextEvolutionView } from './textEvolutionView.ts';
import { drawTextMonitoringView, type TextMonitoringView } from './textMonitoringView.ts';
import {
  drawTextSelectionView,
  type SelectedText,
  type TextSelectionView,
} from './textSelectionView.ts';

/** A view to draw. */
export type ViewRequest =
  | { readonly kind: 'selection'; readonly view: AnySelectionView }
  | { readonly kind: 'scatter'; readonly view: ScatterView }
  | {
      readonly kind: 'monitoring';
      readonly view: AnyMonitoringView;
      readonly options: ViewOptions;
    }
  | {
      readonly kind: 'evolution';
      readonly view: AnyEvolutionView;
      readonly options: ViewOptions;
    };

/** A drawn view; answers come in the order of the requests. */
export type ViewResponse = { readonly png: Uint8Array } | { readonly error: Error };

/** A Selection View of images or of texts: a data set holds items of one kind. */
export type AnySelectionView = Omit<SelectionView, 'items'> & {
  readonly items: readonly (SelectedItem | SelectedText)[];
};

/** A Monitoring View of an image or of a text, as `original` tells. */
export type AnyMonitoringView = Omit<MonitoringView, 'input' | 'original'> &
  Pick<Sighting, 'input'> & { readonly original: Item };

/** An Evolution View of an image or of a text. */
export type AnyEvolutionView = EvolutionView | TextEvolutionView;

function drawMonitoring(view: AnyMonitoringView, options: ViewOptions): Drawing {
  return 'text' in view.original
    ? drawTextMonitoringView(view as TextMonitoringView, options)
    : drawMonitoringView(view as MonitoringView, options);
}

function drawSelection(view: AnySelectionView): Drawing {
  return view.items.some((item) => 'text' in item)
    ? drawTextSelectionView(view as TextSelectionView)
    : drawSelectionView(view as SelectionView);
}

function draw(request: ViewRequest): Uint8Array {
  switch (request.kind) {
    case 'selection':
      return toPng(drawSelection(request.view));
    case 'scatter':
      return toPng(drawScatterView(request.view));
    case 'monitoring':
      return toPng(drawMonitoring(request.view, request.options));
    case 'evolution':
      return toPng(
        'text' in request.view
          ? drawTextEvolutionView(request.view, request.options)
          : drawEvolutionView(request.view, request.options),
      );
  }
}

/** The memory of a file, to be handed over; a small one shares it with others, and is copied. */
function ownMemory({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

function answer(request: ViewRequest): void {
  const send = (response: ViewResponse, memory: ArrayBuffer[] = []) =>
    parentPort?.postMessage(response, memory);
  try {
    const png = draw(request);
    send({ png }, ownMemory(png));
  } catch (error) {
    send({ error: error as Error });
  }
}

/** Settled when all requests so far are answered. */
let answered: Promise<void> = Promise.resolve();
parentPort?.on('message', (request: ViewRequest) => {
  // A turn of the event loop for each: between turns alone is the memory of canvases freed, and
  // messages that wait come in one.
  answered = answered.then(() => setImmediate()).then(() => answer(request));
});
