/** The thread that draws views. */
import { parentPort } from 'node:worker_threads';
import { toPng } from './drawing.ts';
import { drawEvolutionView, type EvolutionView } from './evolutionView.ts';
import { drawMonitoringView, type MonitoringView, type ViewOptions } from './monitoringView.ts';
import { drawScatterView, type ScatterView } from './scatterView.ts';
import { drawSelectionView, type SelectionView } from './selectionView.ts';

/** A view to draw. */
export type ViewRequest =
  | { readonly kind: 'selection'; readonly view: SelectionView }
  | { readonly kind: 'scatter'; readonly view: ScatterView }
  | {
      readonly kind: 'monitoring';
      readonly view: MonitoringView;
      readonly options: ViewOptions;
    }
  | {
      readonly kind: 'evolution';
      readonly view: EvolutionView;
      readonly options: ViewOptions;
    };

/** A drawn view; answers come in the order of the requests. */
export type ViewResponse = { readonly png: Uint8Array } | { readonly error: Error };

function draw(request: ViewRequest): Uint8Array {
  switch (request.kind) {
    case 'selection':
      return toPng(drawSelectionView(request.view));
    case 'scatter':
      return toPng(drawScatterView(request.view));
    case 'monitoring':
      return toPng(drawMonitoringView(request.view, request.options));
    case 'evolution':
      return toPng(drawEvolutionView(request.view, request.options));
  }
}

parentPort?.on('message', (request: ViewRequest) => {
  let response: ViewResponse;
  try {
    response = { png: draw(request) };
  } catch (error) {
    response = { error: error as Error };
  }
  parentPort?.postMessage(response);
});
