/**
 * Trains a tiny network on TensorFlow, with --deterministic where the first argument says so, and prints one JSON
 * object: a hash of all that came out, and what TensorFlow says of an operation that is never deterministic.
 */
import { createHash } from 'node:crypto';
import { selectEngine } from '../../src/engines/select.ts';
import { Graph } from '../../src/graph/graph.ts';
import { identity, placeholder } from '../../src/graph/ops/array.ts';
import { tinyImageShape, tinyTrainingGraph } from '../model/tinyNetwork.ts';
import { someFeeds, startSession } from '../model/trainingSession.ts';

const deterministic = process.argv[2] === 'deterministic';
const { engine } = await selectEngine({ engine: 'tensorflow', deterministic });

const session = await startSession(engine, tinyTrainingGraph());
const hash = createHash('sha256');
for (let step = 0; step < 5; step++) {
  const outputs = await session.run('train', someFeeds(tinyImageShape, 6, step, undefined));
  for (const { data } of Object.values(outputs)) hash.update(data);
}
for (const { data } of Object.values(await session.run('read', {}))) hash.update(data);

async function readClock(): Promise<string> {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [], 'x');
  const clock = graph.addNode({ op: 'Timestamp', outputs: [] });
  const y = identity(x, { after: [clock] });
  const reading = await engine.load(graph, { read: { inputs: { x }, outputs: { y } } });
  try {
    await reading.run('read', { x: { data: Float32Array.of(1), shape: [] } });
    return 'runs';
  } catch (error) {
    return (error as Error).message;
  }
}
process.stdout.write(JSON.stringify({ hash: hash.digest('hex'), clock: await readClock() }));
