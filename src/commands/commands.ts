/** The commands of losslens: what the help says of each, and where its flags and its work are. */
import type { Command } from 'commander';

/** What has to be known of a command before it is called. */
export interface CommandEntry {
  readonly description: string;
  /** @returns  what adds the flags, subcommands and action of the command to it */
  readonly load: () => Promise<(command: Command) => void>;
}

/**
 * By name, in the order of the help text.
 *
 * A command's module is loaded when the command is called, and it declares its flags alone: what it
 * does is imported by its action. So help and errors of usage are there at once.
 */
export const commands: Readonly<Record<string, CommandEntry>> = {
  train: {
    description:
      'Train a network; see its difficult items and image areas in TensorBoard meanwhile.',
    load: async () => (await import('./train.ts')).declareTrain,
  },
  evaluate: {
    description:
      'Classify a split with a checkpoint and say how often it is right, in all and by class.',
    load: async () => (await import('./evaluate.ts')).declareEvaluate,
  },
  engine: {
    description: 'Install the TensorFlow engine, or say what it lacks.',
    load: async () => (await import('./engine.ts')).declareEngine,
  },
  data: {
    description: 'Download data sets, look at them, and write other forms.',
    load: async () => (await import('./data.ts')).declareData,
  },
  weights: {
    description: 'List and get weights that others publish, for --checkpoint_path.',
    load: async () => (await import('./weights.ts')).declareWeights,
  },
  layers: {
    description:
      "Print a network's end points: what --hs and --hm take, with shapes and parameters.",
    load: async () => (await import('./layers.ts')).declareLayers,
  },
  predict: {
    description: 'Classify image files with a trained network.',
    load: async () => (await import('./predict.ts')).declarePredict,
  },
  export: {
    description:
      'Write a trained network as a SavedModel (images of its size, samples 0..255, to probabilities), or what it says of its data for cleanlab.',
    load: async () => (await import('./export.ts')).declareExport,
  },
  inspect: {
    description:
      'Say what a checkpoint makes of some items: loss contributions and maps at any layer, without dropout and augmentation.',
    load: async () => (await import('./inspect.ts')).declareInspect,
  },
  verify: {
    description:
      'Check the loss contributions of a network on its data, against theory and against differences of the loss; exit code 1 when one fails.',
    load: async () => (await import('./verify.ts')).declareVerify,
  },
  review: {
    description:
      'Write a page on which to keep, relabel or drop the most suspicious items of a run, and the same as CSV.',
    load: async () => (await import('./review.ts')).declareReview,
  },
  completion: {
    description: 'Print a script with which bash, zsh or fish completes commands and flags.',
    load: async () => (await import('./completion.ts')).declareCompletion,
  },
};
