/** That small files which claim to be large cost nothing. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/errors.ts';
import { PickleError } from '../../src/files/pickle.ts';
import { peakBytes } from './hostile.ts';

/** Has something refused at once. */
export async function expectCheapRefusal(read: () => unknown, message: RegExp): Promise<void> {
  const start = process.cpuUsage();
  const before = peakBytes();
  await assert.rejects(
    async () => read(),
    (error: Error) => {
      assert.ok(error instanceof UserError || error instanceof PickleError, error);
      assert.match(error.message, message);
      return true;
    },
  );
  // Not by the clock: others may use the processor.
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 2e6, `${(user + system) / 1000} ms`);
  const growth = peakBytes() - before;
  assert.ok(growth < 100 * 2 ** 20, `took ${growth} bytes`);
}
