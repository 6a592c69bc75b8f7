/** Bars of work whose extent is known, on standard error. */
import cliProgress from 'cli-progress';
import { printable } from '../terminal.ts';

const preset = cliProgress.Presets.shades_classic;

/** Shows how many items are done. */
export interface ItemBar {
  update(items: number): void;
  stop(): void;
}

/** A bar of items, with a label before it. */
export function itemBar(label: string, total: number): ItemBar {
  const format = `${printable(label)} {bar} {value}/{total} items`;
  const bar = new cliProgress.SingleBar({ format, stream: process.stderr }, preset);
  bar.start(total, 0);
  return { update: (items) => bar.update(items), stop: () => bar.stop() };
}

/** Shows how much of each file has come. */
export interface DownloadBars {
  /** @param ofBytes  undefined where nobody says: the bar is full then */
  update(file: string, bytes: number, ofBytes: number | undefined): void;
  stop(): void;
}

/** Bars of files, one below the other, each from its first byte on. */
export function downloadBars(): DownloadBars {
  const format = '{file} {bar} {value}/{total} MB, {eta_formatted}';
  const bars = new cliProgress.MultiBar({ format, stream: process.stderr }, preset);
  const barOf = new Map<string, cliProgress.SingleBar>();
  const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
  return {
    update(file, bytes, ofBytes) {
      const bar = barOf.get(file) ?? bars.create(megabytes(ofBytes ?? bytes), 0, { file });
      barOf.set(file, bar);
      bar.setTotal(megabytes(ofBytes ?? bytes));
      bar.update(megabytes(bytes));
    },
    stop() {
      // Where there is no terminal no bar was begun, and a last picture would show its bare format.
      if (bars.isActive) bars.stop();
    },
  };
}
