import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { Command } from 'commander';
import { expectNoMoreWords, normalizeArguments } from '../../src/commands/commandLine.ts';
import {
  addFlags,
  boolean,
  choice,
  integer,
  list,
  optionalPath,
  optionalText,
  optionalUrl,
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
    dataset_dir: optionalPath('folder'),
    base_url: optionalUrl('server'),
    engine: choice(['auto', 'wasm'], 'auto', 'engine'),
    num_clones: unsupported(integer(1, 'clones'), 'there is one device'),
  },
};

/** What `assert.throws` takes for an error of the command line. */
function usageError(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, message);
    return true;
  };
}

function parse(...args: string[]): Record<string, unknown> {
  const command = addFlags(new Command(), flags).exitOverride().allowExcessArguments();
  const normalized = normalizeArguments(args, command.options, 'losslens train');
  command.parse(normalized, { from: 'user' });
  expectNoMoreWords(command, 'losslens train');
  return command.opts();
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

test('~ behind "=", where no shell replaces it, is the home folder; a path is not empty', () => {
  const dirOf = (value: string) => parse(`--dataset_dir=${value}`)['dataset_dir'];
  assert.equal(dirOf('~/data'), `${homedir()}/data`);
  assert.equal(dirOf('~'), homedir());
  for (const other of ['~me/data', 'a/~/b', './~']) assert.equal(dirOf(other), other);
  assert.throws(() => dirOf(''), usageError(/^--dataset_dir: got ""; expected a path\.$/));
});

test('booleans take all of TF-Slim’s forms', () => {
  assert.equal(parse('--use_grayscale')['use_grayscale'], true);
  assert.equal(parse('--use_grayscale=true')['use_grayscale'], true);
  assert.equal(parse('--use_grayscale=false')['use_grayscale'], false);
  assert.equal(parse('--nouse_grayscale')['use_grayscale'], false);
});

test('a boolean takes true or false behind it for its value, and nothing else', () => {
  assert.equal(parse('--use_grayscale', 'false')['use_grayscale'], false);
  assert.equal(parse('--use_grayscale', 'True', '--hm=pool1')['use_grayscale'], true);
  assert.equal(parse('--use_grayscale', '--batch_size=8')['batch_size'], 8);
  assert.throws(
    () => parse('--use_grayscale', 'maybe'),
    usageError(/^"maybe": this word is not understood; expected flags as --name=value/),
  );
});

test('a value that follows its flag may begin with a hyphen', () => {
  assert.equal(parse('--hs', '--batch_size')['hs'], '--batch_size');
  assert.throws(() => parse('--learning_rate', '-1'), usageError(/^--learning_rate: got "-1"/));
});

test('the first word that a command has no use for is named', () => {
  assert.throws(
    () => parse('--hm=pool1,', 'pool2', 'pool3'),
    usageError(/^"pool2": this word is not understood.* All: losslens train --help$/),
  );
});

test('an unknown flag gets the nearest ones, whatever its value', () => {
  const nearest: [string, RegExp][] = [
    [
      '--lerning_rate=0.000001',
      /: losslens train has no flag .*Did you mean --learning_rate\? All/,
    ],
    ['--lerning-rate', /^--lerning-rate: .*Did you mean --learning_rate\?/],
    ['--grayscale', /Did you mean --use_grayscale\?/],
    ['--use_greyscale', /Did you mean --use_grayscale\?/],
    ['-batchsize=8', /^-batchsize=8: .*Did you mean --batch_size\?/],
    ['--zzz=1', /has no flag of this name\. All: losslens train --help$/],
  ];
  for (const [argument, message] of nearest) {
    assert.throws(() => parse(argument), usageError(message), argument);
  }
});

test('one hyphen stands for two', () => {
  assert.equal(parse('-hs=Logits')['hs'], 'Logits');
  assert.equal(parse('-batch-size', '8')['batch_size'], 8);
});

test('a flag behind a long dash, as editors put it in, is told', () => {
  for (const [argument, code, meant] of [
    ['–hs=Logits', 'U\\+2013', '--hs=Logits'],
    ['—hs', 'U\\+2014', '--hs'],
    ['−−batch-size=8', 'U\\+2212', '--batch-size=8'],
    ['-–nouse_grayscale', 'U\\+2013', '--nouse_grayscale'],
  ] as const) {
    const message = new RegExp(`^${argument}: begins with the dash ${code}; .*, ${meant}\\.$`);
    assert.throws(() => parse(argument), usageError(message));
  }
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
    ['--dataset_dir=', /--dataset_dir: got ""; expected a path\./],
    ['--base_url=nonsense', /--base_url: got "nonsense"; expected an address such as https:/],
    ['--base_url=ftp://example.org', /--base_url: got "ftp:\/\/example\.org"; expected an address/],
    ['--base_url=http://', /--base_url: got "http:\/\/"; expected an address/],
    ['--use_grayscale=maybe', /--use_grayscale: got "maybe"; expected true or false\./],
    ['--engine=gpu', /--engine: got "gpu"; expected one of auto, wasm\./],
  ];
  for (const [argument, message] of wrong) {
    assert.throws(() => parse(argument), usageError(message));
  }
});

test('a flag that cannot act is accepted at its default and refused with the reason otherwise', () => {
  assert.equal(parse('--num_clones=1')['num_clones'], 1);
  assert.throws(() => parse('--num_clones=2'), /only 1 is possible: there is one device/);
});

test('the folder of a run is pointed to by the flag that the command has for it', () => {
  const unknown = (given: string, has: string) => () =>
    normalizeArguments([given], [{ long: has, required: true, optional: false }], 'losslens x');
  assert.throws(
    unknown('--checkpoint_path=a', '--train_dir'),
    usageError(/^--checkpoint_path=a: .* Did you mean --train_dir\? /),
  );
  assert.throws(
    unknown('--train_dir=a', '--checkpoint_path'),
    usageError(/mean --checkpoint_path/),
  );
  assert.throws(unknown('--train_dir=a', '--json'), usageError(/this name\. All: /));
});
