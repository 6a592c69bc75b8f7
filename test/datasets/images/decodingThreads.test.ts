import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { losslens } from '../../losslens.ts';

const skip = process.platform === 'linux' ? false : 'threads cannot be counted here';
test('the pool that decodes has a thread for each core, or as many as the environment says', {
  skip,
}, async () => {
  const preload = fileURLToPath(new URL('nineCores.cjs', import.meta.url));
  const threads = async (env: Readonly<Record<string, string>>) => {
    const run = await losslens(['--version'], { NODE_OPTIONS: `--require=${preload}`, ...env });
    return Number(/^(\d+) threads/.exec(run.stderr)?.[1] ?? assert.fail(run.stderr));
  };
  // All threads of the pool start with the first that is needed.
  const others = (await threads({ UV_THREADPOOL_SIZE: '1' })) - 1;
  assert.equal(await threads({}), others + 9);
});
