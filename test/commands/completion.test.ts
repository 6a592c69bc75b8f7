import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { networkNames } from '../../src/nets/networkNames.ts';
import { losslens, temporaryFolder } from '../losslens.ts';

const script = join(temporaryFolder(), 'completion.bash');
const hasBash = process.platform !== 'win32';

before(async () => {
  const { code, stdout } = await losslens(['completion', 'bash']);
  assert.equal(code, 0);
  writeFileSync(script, stdout);
});

/** What bash offers at the end of a line. */
function completionsOf(line: string): string[] {
  const commands = `source "$0"; COMP_LINE=$1 COMP_POINT=\${#1}; compopt() { :; }; _losslens
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['-c', commands, script, line], { encoding: 'utf8' });
  return output.split('\n').filter((word) => word !== '');
}

test('bash completes commands, subcommands and their words', { skip: !hasBash }, () => {
  assert.deepEqual(completionsOf('losslens pre'), ['predict']);
  assert.deepEqual(completionsOf('losslens data in'), ['info']);
  assert.deepEqual(completionsOf('losslens data download '), [
    ...['mnist', 'cifar10', '--output_dir=', '--base_url=', '--timeout_secs=', '--help'],
  ]);
  assert.deepEqual(completionsOf('losslens weights get mob'), ['mobilenet_v1', 'mobilenet_v2']);
  assert.deepEqual(completionsOf('losslens completion f'), ['fish']);
});

test('bash completes the flags of the command alone', { skip: !hasBash }, () => {
  assert.deepEqual(completionsOf('losslens train --hm=pool1 --label_noise'), [
    '--label_noise=',
    '--label_noise_type=',
  ]);
  assert.deepEqual(completionsOf('losslens layers --label_noise'), []);
  assert.deepEqual(completionsOf('losslens inspect --js'), ['--json']);
});

test('bash completes the choices of a flag', { skip: !hasBash }, () => {
  assert.deepEqual(completionsOf('losslens train --engine='), ['auto', 'tensorflow', 'wasm']);
  assert.deepEqual(completionsOf('losslens evaluate --seed=1 --engine=w'), ['wasm']);
  assert.deepEqual(completionsOf('losslens layers --model_name='), [...networkNames]);
  assert.deepEqual(completionsOf('losslens train --deterministic='), ['true', 'false']);
});

test('files are left to bash', { skip: !hasBash }, () => {
  assert.deepEqual(completionsOf('losslens predict '), []);
  assert.deepEqual(completionsOf('losslens train --dataset_dir='), []);
});

test('a flag that has choices still takes what they leave open', async () => {
  const { stdout } = await losslens(['layers', '--model_name=cifarnet', '--json=yes']);
  assert.match(stdout, /"layers"/);
});

test('there are scripts of the same flags for zsh and fish, and for no other shell', async () => {
  const { stdout: zsh } = await losslens(['completion', 'zsh']);
  assert.match(zsh, /^#compdef losslens\n/);
  assert.match(zsh, /'--engine=\[what runs the graph\]:value:\(auto tensorflow wasm\)'/);
  // Without the quotes zsh leaves out an empty word, such as the one that is completed.
  assert.match(zsh, /words=\(losslens "\$\{\(@\)words\[depth\+2,-1\]\}"\)/);
  const { stdout: fish } = await losslens(['completion', 'fish']);
  assert.match(fish, /from train' -l engine -x -a 'auto tensorflow wasm' -d 'what runs the graph'/);
  assert.match(fish, /from predict' -l json -a 'true false' -d /);
  const { code, stderr } = await losslens(['completion', 'tcsh']);
  assert.equal(code, 2);
  assert.match(stderr, /value 'tcsh' is invalid.* Allowed choices are bash, zsh, fish\./);
});
