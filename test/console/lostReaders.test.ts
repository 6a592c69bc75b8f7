import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { startLosslens } from '../losslens.ts';

const module = new URL('../../src/console/lostReaders.js', import.meta.url).href;

test('output that a full disk does not take is told of once, and makes the exit code 1', {
  skip: !existsSync('/dev/full') && 'there is no /dev/full here',
}, () => {
  const program = `
    import { outliveReaders } from '${module}';
    outliveReaders();
    for (let i = 0; i < 3; i++) process.stdout.write('a line\\n');`;
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', 'exec "$0" --input-type=module -e "$1" > /dev/full', process.execPath, program],
    { encoding: 'utf8' },
  );
  assert.equal(stderr, 'losslens: stdout: cannot be written to (no space left on device).\n');
  assert.equal(status, 1);
});

test('a command whose output nobody reads any more ends well, without a word', async () => {
  const [child, ended] = startLosslens(['layers', '--model_name=lenet']);
  child.stdout!.destroy();
  const { code, stderr } = await ended;
  assert.equal(stderr, '');
  assert.equal(code, 0);
});
