import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const bench = fileURLToPath(new URL('../../bench/itemMemory.js', import.meta.url));

/** docs/reliability.md says less, of a million items, where what a process takes anyway is less of it. */
const mostBytes = 1024;

for (const each of ['tfrecord', 'tsv', 'in_situ']) {
  test(`${each}: an item of 1,000 classes takes less than a kilobyte of memory at any time`, async () => {
    const args = [bench, '--items', '60000', '--only', each];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const report = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<
      string,
      { readonly peakBytes: number | null }
    >;
    const { peakBytes } = report[each]!;
    // Systems that do not tell what a process took at most.
    if (peakBytes === null) return;
    assert.ok(peakBytes < mostBytes, `${peakBytes} bytes`);
  });
}
