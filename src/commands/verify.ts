/** `losslens verify`: whether a network's loss contributions are what theory says they are. */
import { dirname } from 'node:path';
import { Command } from 'commander';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { readVariables } from '../checkpoint/variables.ts';
import { Cleanup } from '../cleanup.ts';
import { textTable } from '../console/textTable.ts';
import { selectEngine } from '../engines/select.ts';
import { networkInput, recordedVocabulary } from '../input/networkInput.ts';
import { loadTrainingData } from '../input/trainingData.ts';
import { type Check, type Feeds, passes, verify } from '../inspection/verification.ts';
import { buildVerificationGraph, type VerifiedLayer } from '../inspection/verificationGraph.ts';
import { initialValues } from '../model/initialValues.ts';
import { loadNetwork } from '../nets/factory.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { prepareItems } from '../preprocessing/prepareItems.ts';
import { permutation, random } from '../random.ts';
import { addFlags, type FlagValues, integer, list, optionalText } from './flags.ts';
import { ofRunFlags, resolveRunFlags } from './runFlags.ts';

const verifyFlags = {
  Verification: {
    checkpoint_path: optionalText(
      'checkpoint or folder of a run, whose data and network are taken too; by default the initial weights',
    ),
    layers: list(
      'layers whose gradients are compared with differences; by default Hs and Hm of the run, or some of all',
    ),
    batch_size: integer(8, 'items per batch', { min: 2 }),
    num_batches: integer(2, 'batches that are checked', { min: 1 }),
  },
  ...ofRunFlags,
};

const exponential = (value: number) => value.toExponential(1);

/** A line for each check, failures last, where they are seen. */
function checksText(checks: readonly Check[]): string {
  const ordered = [...checks].sort((a, b) => Number(passes(b)) - Number(passes(a)));
  const rows = ordered.map((check) => [
    passes(check) ? 'ok' : 'FAILED',
    check.what,
    exponential(check.error),
    exponential(check.tolerance),
  ]);
  const columns = [
    { heading: '' },
    { heading: 'check' },
    { heading: 'largest error', isNumeric: true },
    { heading: 'tolerance', isNumeric: true },
  ];
  return textTable(columns, rows);
}

/** The layers to beware of, and what to do instead; empty when there are none. */
function mixedText(layers: readonly VerifiedLayer[]): string {
  const mixed = layers.filter(({ itemSums }) => itemSums === 'mixed').map(({ name }) => name);
  if (mixed.length === 0) return '';
  const own = layers.filter(({ itemSums }) => itemSums === 'own').map(({ name }) => name);
  return [
    '',
    `The per-item sums say little at ${mixed.length} of ${layers.length} layers, behind which batch normalisation mixes the items:`,
    ...mixed.map((name) => `  ${name}`),
    `Select (--hs) by the logits or another of: ${own.join(', ')}.`,
    'Their maps C and R (--hm) can be looked at; if one of them must rank, take C alone, not C − R.',
    '',
  ].join('\n');
}

async function run(given: FlagValues<typeof verifyFlags>, cleanup: Cleanup): Promise<boolean> {
  const { checkpoint_path: path, batch_size: batchSize, num_batches: numBatches } = given;
  const checkpoint = path === undefined ? undefined : await resolveCheckpoint(path);
  const flags = await resolveRunFlags(checkpoint === undefined ? '' : dirname(checkpoint), given);
  const network = await loadNetwork(flags.model_name);
  const { dataset } = await loadTrainingData(flags);
  const input = await networkInput(
    network,
    dataset,
    { ...flags, imageSize: flags.train_image_size },
    checkpoint === undefined ? undefined : () => recordedVocabulary(dirname(checkpoint)),
  );
  const ofRun = flags.hm.length > 0 ? [...flags.hm, ...(flags.hs ? [flags.hs] : [])] : undefined;
  const graph = buildVerificationGraph({
    network,
    numClasses: dataset.classNames.length,
    input,
    layers: given.layers.length > 0 ? given.layers : ofRun,
  });
  const { engine } = await selectEngine(flags.engine);
  const session = await engine.load(graph.graph, graph.signatures);
  cleanup.add(() => session.close());
  session.run(
    'assign',
    checkpoint === undefined
      ? initialValues(graph.variables, flags.seed)
      : await readVariables(checkpoint, graph.variables),
  );
  process.stdout.write(
    `${networkTitle(flags.model_name)} ${checkpoint === undefined ? 'with its initial weights' : `of ${checkpoint}`}, ` +
      `${numBatches} × ${batchSize} items of ${dataset.name} ${dataset.split}, as in the training; ${engine.name}\n\n`,
  );
  const order = permutation(dataset.items.length, random(flags.seed));
  const batches: Feeds[] = [];
  for (let batch = 0; batch < numBatches; batch++) {
    const some = order.subarray(batch * batchSize, (batch + 1) * batchSize);
    if (some.length === 0) break;
    const items = Array.from(some, (i) => dataset.items[i]!);
    const preprocessing = flags.preprocessing_name ?? network.preprocessingName;
    const dropoutSeed = { data: Int32Array.of(flags.seed, batch), shape: [2] };
    const prepared = await prepareItems(dataset, items, preprocessing, input);
    batches.push({
      [prepared.input.name]: prepared.input,
      labels: prepared.labels,
      dropout_seed: dropoutSeed,
    });
  }
  const checks = verify(graph, session, batches);
  const failed = checks.filter((check) => !passes(check)).length;
  process.stdout.write(`${checksText(checks)}\n${mixedText(graph.layers)}\n`);
  process.stdout.write(
    failed === 0
      ? `All ${checks.length} checks hold.\n`
      : `${failed} of ${checks.length} checks FAILED: the loss contributions of this network are not to be trusted.\n`,
  );
  return failed === 0;
}

/** @returns the command, for the program to add */
export function verifyCommand(): Command {
  const command = new Command('verify').description(
    'Check the loss contributions of a network on its data, against theory and against differences of the loss; exit code 1 when one fails.',
  );
  return addFlags(command, verifyFlags).action(async (flags: FlagValues<typeof verifyFlags>) => {
    const cleanup = new Cleanup();
    try {
      if (!(await run(flags, cleanup))) process.exitCode = 1;
    } finally {
      await cleanup.run();
    }
  });
}
