/** Goes on where whoever reads the output is gone: what is being done is done to its end. */
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { reasonOf } from '../errors.ts';

/**
 * Lets the process outlive the readers of its output: `head`, which has seen enough, `tee`, which Ctrl-C
 * ends first, a terminal that is closed. Other errors of the streams make its exit code 1.
 */
export function outliveReaders(): void {
  let isTold = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || (error.code === 'EIO' && stream.isTTY)) return;
      process.exitCode = 1;
      // A full disk fails each line of many.
      if (stream === process.stdout && !isTold)
        process.stderr.write(`losslens: stdout: cannot be written to (${reasonOf(error)}).\n`);
      isTold = true;
    });
  }
  // Node aborts at its end where a terminal does not take its settings back, unless it is closed.
  const terminals = [0, 1, 2].filter(isatty);
  process.on('exit', () => {
    for (const terminal of terminals) if (!isatty(terminal)) closeSync(terminal);
  });
}
