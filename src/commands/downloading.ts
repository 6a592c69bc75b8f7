/** What commands that download have in common. */
import { type DownloadBars, downloadBars } from '../console/bars.ts';
import { endWith, interruptedExitCode, interruptSignal } from '../console/interrupt.ts';
import { tell } from '../terminal.ts';

/**
 * Downloads something, with bars, until an interrupt: that makes the exit code that of its signal.
 *
 * @param command   that does so, such as 'weights get'; for messages
 * @param download  throws something when its signal is aborted before its end
 * @throws what it throws otherwise
 */
export async function downloading(
  command: string,
  download: (signal: AbortSignal, onProgress: DownloadBars['update']) => Promise<void>,
): Promise<void> {
  const bars = downloadBars();
  const { signal, release } = interruptSignal(() => tell('stopping'));
  try {
    await download(signal, bars.update);
  } catch (error) {
    if (!signal.aborted) throw error;
    tell(`losslens: ${command}: interrupted; run it again to go on`);
    endWith(interruptedExitCode(signal));
  } finally {
    release();
    bars.stop();
  }
}
