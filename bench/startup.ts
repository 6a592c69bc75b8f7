/**
 * How long a command takes to be there, against a bare Node.
 *
 *     node dist/bench/startup.js [--rounds N] [--training_rounds N]
 *
 * Processes are started in turn: `node -e 0`, the help, `layers`, errors of flags, and the command of
 * `npm start` (with `--log_every_n_steps=1`, so that its first step is said), which is stopped at its
 * first step.
 *
 * The last line is one JSON object, with what each takes longer than the bare Node in ms.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/packageRoot.ts';
import { machine } from './machine.ts';
import { interleave, timingText } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    training_rounds: { type: 'string', default: '5' },
  },
});

const program = join(packageRoot, 'dist/bin/losslens.cjs');

/** Runs Node until it ends, or until it has written some text to stderr. */
function run(args: readonly string[], until?: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
      if (until?.test(text)) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', () => {
      if (until === undefined || until.test(text)) resolve();
      else reject(new Error(`${args.join(' ')}: ended without ${until}: ${text}`));
    });
  });
}

const bare = () => run(['-e', '0']);
const commands = await interleave(
  {
    bare,
    help: () => run([program, '--help']),
    layers: () => run([program, 'layers']),
    'train --help': () => run([program, 'train', '--help']),
    'flag error': () => run([program, 'train', '--learning_rat=1'], /Did you mean/),
  },
  Number(flags.rounds),
);

const folder = mkdtempSync(join(tmpdir(), 'losslens-startup-'));
/** The words of `npm start` behind the program, but for the folder of the run. */
const quickStart = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  }
).scripts.start
  .split(' ')
  .slice(2)
  .filter((word) => !/^--(train_dir|log_every_n_steps)=/.test(word));
let runs = 0;
const training = await interleave(
  {
    bare,
    'first step': () => {
      const trainDir = join(folder, `${runs++}`);
      const words = [...quickStart, `--train_dir=${trainDir}`, '--log_every_n_steps=1'];
      return run([program, ...words], /step 1 of/);
    },
  },
  Number(flags.training_rounds),
  1,
);
rmSync(folder, { recursive: true });

const longerMs = ({ bare, ...others }: Readonly<Record<string, { medianMs: number }>>) =>
  Object.fromEntries(
    Object.entries(others).map(([name, { medianMs }]) => [
      name,
      Math.round(medianMs - bare!.medianMs),
    ]),
  );
for (const timings of [commands, training]) {
  for (const [name, timing] of Object.entries(timings)) {
    console.log(`${name.padEnd(12)} ${timingText(timing)}`);
  }
}
const longer = { ...longerMs(commands), ...longerMs(training) };
const bareMs = Math.round(commands.bare.medianMs);
console.log(JSON.stringify({ machine, bareMs, longerMs: longer, commands, training }));
