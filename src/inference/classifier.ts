/** A trained network that classifies: its graph on an engine, and checkpoints to fill it with. */

import { readLatestVariables } from '../checkpoint/variables.ts';
import type { Engine, HostTensor, Session } from '../engines/engine.ts';
import { choosePrecision, type PrecisionChoice } from '../engines/precision.ts';
import { type EngineOptions, selectEngine } from '../engines/select.ts';
import type { Variable } from '../graph/graph.ts';
import { averageName } from '../model/movingAverages.ts';
import { buildPredictionGraph, type PredictionGraphOptions } from '../model/predictionGraph.ts';

/**
 * Reads the values that a network classifies with.
 *
 * @param path        of its checkpoint, as --checkpoint_path has it
 * @param ofAverages  whether the moving averages stand in for the variables
 * @returns           the checkpoint's prefix, and values by variable name
 * @throws UserError  when one is missing or has another shape
 */
export async function readNetwork(
  path: string,
  variables: readonly Variable[],
  ofAverages: boolean,
): ReturnType<typeof readLatestVariables> {
  if (!ofAverages) return readLatestVariables(path, variables);
  const averages = variables.map((variable) => ({
    ...variable,
    name: averageName(variable.name),
  }));
  const hint = 'Moving averages are kept by a run with --moving_average_decay; leave it out here.';
  const { checkpoint, values } = await readLatestVariables(path, averages, hint);
  const named = variables.map(({ name }) => [name, values[averageName(name)]!] as const);
  return { checkpoint, values: Object.fromEntries(named) };
}

/** A network outside of training on an engine. */
export class Classifier {
  readonly session: Session;
  readonly #variables: readonly Variable[];

  private constructor(session: Session, variables: readonly Variable[]) {
    this.session = session;
    this.#variables = variables;
  }

  /** Loads the graph; it has no values yet. */
  static async load(engine: Engine, options: PredictionGraphOptions): Promise<Classifier> {
    const { graph, signatures, variables } = buildPredictionGraph(options);
    return new Classifier(await engine.load(graph, signatures), variables);
  }

  /** The same on the engine and in the precision that flags ask for. @throws NoEngineError, UsageError as these do */
  static async open(
    options: Required<Pick<EngineOptions, 'engine' | 'gpu' | 'deterministic'>> & {
      readonly precision: PrecisionChoice;
    },
    network: Omit<PredictionGraphOptions, 'computeType'>,
  ): Promise<Classifier> {
    const { engine: name, gpu, deterministic, precision } = options;
    const { engine } = await selectEngine({ engine: name, gpu, deterministic });
    const { computeType } = choosePrecision(precision, engine);
    return Classifier.load(engine, { ...network, computeType });
  }

  /** Takes the values of a checkpoint. @returns its prefix @throws UserError as readNetwork does */
  async restore(path: string, ofAverages: boolean): Promise<string> {
    const { checkpoint, values } = await readNetwork(path, this.#variables, ofAverages);
    await this.session.run('assign', values);
    return checkpoint;
  }

  /**
   * Class probabilities.
   *
   * @param feeds  items, as `itemFeeds` has them without augmentation
   * @returns      float32 [n, classes]
   */
  async probabilities(feeds: Readonly<Record<string, HostTensor>>): Promise<HostTensor> {
    return (await this.session.run('predict', feeds))['probabilities']!;
  }

  async close(): Promise<void> {
    await this.session.close();
  }
}
