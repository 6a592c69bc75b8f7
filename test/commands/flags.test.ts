import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import {
  addFlags,
  boolean,
  choice,
  integer,
  list,
  normalizeArguments,
  optionalText,
  real,
  unsupported,
} from '../../src/commands/flags.ts';
import { UsageError } from '../../src/errors.ts';

const flags = {
  Group: {
    batch_size: integer(32, 'items', { min: 1 }),
    learning_rate: real(0.1, 'rate', { min: 0 }),
    use_grayscale: boolean(false, 'grey'),
    hm: list('layers'),
    hs: optionalText('layer'),
    engine: choice(['auto', 'wasm'], 'auto', 'engine'),
    num_clones: unsupported(integer(1, 'clones'), 'there is one device'),
  },
};

function parse(...args: string[]): Record<string, unknown> {
  const command = addFlags(new Command(), flags).exitOverride();
  const names = Object.keys(flags.Group);
  const normalized = normalizeArguments(
    args,
    (name) => names.includes(name),
    (name) => name === 'use_grayscale',
  );
  return command.parse(normalized, { from: 'user' }).opts();
}

test('flags have their defaults', () => {
  assert.deepEqual(parse(), {
    batch_size: 32,
    learning_rate: 0.1,
    use_grayscale: false,
    hm: [],
    engine: 'auto',
    num_clones: 1,
  });
});

test('values are read by their type', () => {
  const values = parse('--batch_size=50', '--learning_rate', '1e-3', '--hm=pool1,pool2', '--hs=');
  assert.equal(values['batch_size'], 50);
  assert.equal(values['learning_rate'], 0.001);
  assert.deepEqual(values['hm'], ['pool1', 'pool2']);
  assert.equal(values['hs'], '');
});

test('booleans take all of TF-Slim’s forms', () => {
  assert.equal(parse('--use_grayscale')['use_grayscale'], true);
  assert.equal(parse('--use_grayscale=true')['use_grayscale'], true);
  assert.equal(parse('--use_grayscale=false')['use_grayscale'], false);
  assert.equal(parse('--nouse_grayscale')['use_grayscale'], false);
});

test('a boolean does not take what follows it for its value', () => {
  assert.throws(() => parse('--use_grayscale', 'false'), /too many arguments/);
});

test('dashes stand for underscores', () => {
  assert.equal(parse('--batch-size=8')['batch_size'], 8);
  assert.equal(parse('--no-use-grayscale')['use_grayscale'], false);
});

test('a wrong value names the flag, the value and what is possible', () => {
  const wrong: [string, RegExp][] = [
    ['--batch_size=many', /--batch_size: got "many"; expected a whole number from 1\./],
    ['--batch_size=0', /--batch_size: got "0"; expected a whole number from 1\./],
    ['--batch_size=', /--batch_size: got ""; expected a whole number/],
    ['--learning_rate=-1', /--learning_rate: got "-1"; expected a number from 0\./],
    ['--use_grayscale=maybe', /--use_grayscale: got "maybe"; expected true or false\./],
    ['--engine=gpu', /--engine: got "gpu"; expected one of auto, wasm\./],
  ];
  for (const [argument, message] of wrong) {
    assert.throws(
      () => parse(argument),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('a flag that cannot act is accepted at its default and refused with the reason otherwise', () => {
  assert.equal(parse('--num_clones=1')['num_clones'], 1);
  assert.throws(() => parse('--num_clones=2'), /only 1 is possible: there is one device/);
});
