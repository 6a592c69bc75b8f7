/** The thread that draws views. */
import { parentPort } from 'node:worker_threads';
import { toPng } from './drawing.ts';
import {
  drawMonitoringView,
  type MonitoringView,
  type MonitoringViewOptions,
} from './monitoringView.ts';
import { drawSelectionView, type SelectionView } from './selectionView.ts';

/** A view to draw. */
export type ViewRequest =
  | { readonly kind: 'selection'; readonly view: SelectionView }
  | {
      readonly kind: 'monitoring';
      readonly view: MonitoringView;
      readonly options: MonitoringViewOptions;
    };

/** A drawn view; answers come in the order of the requests. */
export type ViewResponse = { readonly png: Uint8Array } | { readonly error: Error };

function draw(request: ViewRequest): Uint8Array {
  if (request.kind === 'selection') return toPng(drawSelectionView(request.view));
  return toPng(drawMonitoringView(request.view, request.options));
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
