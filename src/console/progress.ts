/** Shows how far the training is: a bar on a terminal, plain lines elsewhere. */
import cliProgress from 'cli-progress';
import { printable } from '../terminal.ts';

/** What is shown after a step. */
interface ProgressState {
  /** Steps done in all. */
  readonly step: number;
  /** Epochs begun, from 1. */
  readonly epoch: number;
  /** Total loss of the step in nats. */
  readonly loss: number;
}

/** Minutes and seconds for people: "1 min 05 s", "12 s". */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, '0');
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  return minutes > 0 ? `${minutes} min ${rest} s` : `${whole} s`;
}

/** Speed over the last steps and the time that the rest takes at that speed. */
class Speed {
  readonly #now: () => number;
  #step: number;
  #timeMs: number;
  #stepsPerSecond = Number.NaN;

  constructor(step: number, now: () => number) {
    this.#now = now;
    this.#step = step;
    this.#timeMs = now();
  }

  /** @returns steps per second since the last call, or since the last one that saw time pass */
  measure(step: number): number {
    const now = this.#now();
    if (step > this.#step && now > this.#timeMs) {
      this.#stepsPerSecond = ((step - this.#step) * 1000) / (now - this.#timeMs);
      this.#step = step;
      this.#timeMs = now;
    }
    return this.#stepsPerSecond;
  }
}

/** Progress of one run. */
export interface Progress {
  /** Called after every step. */
  update(state: ProgressState): void;
  /** Prints a line of its own between those of the progress. */
  message(line: string): void;
  /** Ends the bar. */
  close(): void;
}

/**
 * Chooses the way to show progress for a stream.
 *
 * @param stream     where to, usually standard error
 * @param firstStep  steps done before
 * @param lastStep   steps of the whole run; Infinity when it has no end
 * @param batchSize  items per step
 * @param logEverySteps  steps between plain lines (--log_every_n_steps)
 * @param now        milliseconds that went into steps so far
 */
export function createProgress(
  stream: NodeJS.WriteStream,
  firstStep: number,
  lastStep: number,
  batchSize: number,
  logEverySteps: number,
  now: () => number,
): Progress {
  const speed = new Speed(firstStep, now);
  const describe = ({ step, epoch, loss }: ProgressState) => {
    const stepsPerSecond = speed.measure(step);
    return {
      epoch,
      loss: loss.toFixed(4),
      rate: Number.isNaN(stepsPerSecond) ? '?' : Math.round(stepsPerSecond * batchSize),
      left: durationText((lastStep - step) / stepsPerSecond),
    };
  };

  if (!stream.isTTY || !Number.isFinite(lastStep)) {
    return {
      update(state) {
        if (state.step % logEverySteps !== 0) return;
        const { epoch, loss, rate, left } = describe(state);
        const total = Number.isFinite(lastStep) ? ` of ${lastStep}` : '';
        stream.write(
          `step ${state.step}${total}  epoch ${epoch}  loss ${loss}  ${rate} items/s  ${left} left\n`,
        );
      },
      message: (line) => void stream.write(`${printable(line)}\n`),
      close() {},
    };
  }

  const bar = new cliProgress.SingleBar({
    stream,
    format: 'epoch {epoch} [{bar}] step {value}/{total}  loss {loss}  {rate} items/s  {left} left',
    hideCursor: true,
    clearOnComplete: false,
    fps: 5,
  });
  bar.start(lastStep, firstStep, { epoch: 1, loss: '?', rate: '?', left: '?' });
  let shownMs = 0;
  return {
    update(state) {
      // A figure that changes with every step cannot be read.
      if (performance.now() - shownMs < 500 && state.step < lastStep) return;
      shownMs = performance.now();
      bar.update(state.step, describe(state));
    },
    message(line) {
      stream.write(`\r\u001b[K${printable(line)}\n`);
      bar.render();
    },
    close: () => bar.stop(),
  };
}
